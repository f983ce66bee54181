import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { outcomeOf } from '../../models/evaluation/budget.ts'
import { foldsOf } from '../../models/evaluation/folds.ts'
import { auc, averagePrecision, calibrationError } from '../../models/evaluation/metrics.ts'
import { rank, rankingOf } from '../../models/evaluation/ranked.ts'
import { segmentsOf, split } from '../../models/evaluation/segments.ts'

const day = 86_400_000
const sum = (of: number[]) => of.reduce((a, b) => a + b, 0)
const eighths = fc.integer({ min: 0, max: 8 }).map((n) => n / 8)
const label = fc.integer({ min: 0, max: 1 })

describe('an alert budget', () => {
  const rows = fc.array(fc.record({ score: eighths, label, amount: fc.integer({ min: 1, max: 1000 }) }), { minLength: 1, maxLength: 40 })
  const outcome = (all: { score: number; label: number; amount: number }[], alerts: number) =>
    outcomeOf(
      rankingOf(Float64Array.from(all, (r) => r.score)),
      { labels: Uint8Array.from(all, (r) => r.label), amounts: all.map((r) => r.amount) },
      alerts,
      { missedFraudShare: 0.5, review: 7 },
    )

  it('brings what the highest scores hold, ties by their mean', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 0, max: 50 }), (all, alerts) => {
        const mean = (score: number, of: (r: (typeof all)[number]) => number) => {
          const tied = all.filter((r) => r.score === score)
          return sum(tied.map(of)) / tied.length
        }
        const looked = [...all].sort((a, b) => b.score - a.score).slice(0, alerts)
        const frauds = sum(looked.map((r) => mean(r.score, (t) => t.label)))
        const caught = sum(looked.map((r) => mean(r.score, (t) => t.label * t.amount)))
        const found = outcome(all, alerts)
        expect(found.alerts).toBe(looked.length)
        expect(found.threshold).toBe(looked.at(-1)?.score ?? Number.NaN)
        expect(found.frauds).toBeCloseTo(frauds, 9)
        expect(found.caught).toBeCloseTo(caught, 6)
        expect(found.saved).toBeCloseTo(caught * 0.5 - looked.length * 7, 6)
        if (looked.length > 0) expect(found.precision).toBeCloseTo(frauds / looked.length, 9)
        if (all.some((r) => r.label === 1)) expect(found.recall).toBeCloseTo(frauds / sum(all.map((r) => r.label)), 9)
      }),
    )
  })

  it('says NaN where there is nothing to divide by', () => {
    const nothing = outcome([{ score: 0.5, label: 0, amount: 10 }], 0)
    expect(nothing).toMatchObject({ alerts: 0, saved: 0, threshold: Number.NaN, precision: Number.NaN, recall: Number.NaN })
  })
})

describe('segments', () => {
  const rows = fc.array(fc.record({ score: eighths, label, code: fc.integer({ min: -1, max: 3 }) }), { minLength: 1, maxLength: 40 })

  it('are ranked as if each had been sorted by itself', () => {
    fc.assert(
      fc.property(rows, (all) => {
        const scores = Float64Array.from(all, (r) => r.score)
        const parts = split(
          rankingOf(scores),
          all.map((r) => r.code),
          4,
        )
        parts.forEach((part, code) => {
          const own = all.flatMap((r, row) => (r.code === code ? [row] : []))
          const alone = rankingOf(Float64Array.from(own, (row) => scores[row]))
          expect([...part.rows]).toEqual(Array.from(alone.rows, (i) => own[i]))
          expect(part.levels).toEqual(alone.levels)
          expect(part.scores).toEqual(alone.scores)
        })
      }),
    )
  })

  const count = 600
  const labels = Uint8Array.from({ length: count }, (_, i) => (i % 5 === 0 ? 1 : 0))
  const scores = Float64Array.from(labels, (l, i) => ((i * 31) % 97) / 200 + l * 0.3)
  const cards = Int32Array.from(labels, (_, i) => i % 90)
  const figures = (codes: (row: number) => number, values: string[], replicates = 0) =>
    segmentsOf(rankingOf(scores), { labels, cards }, [{ name: 'part', values, codes: Int32Array.from(labels, (_, row) => codes(row)) }], {
      threshold: 0.5,
      replicates,
    })

  it('have figures of their own, intervals where they are not small, and none where they have no rows', () => {
    const found = figures((row) => (row < 20 ? 0 : row < 550 ? 1 : -1), ['few', 'many', 'none'], 50)
    expect(found.map(({ value, rows, frauds, small }) => ({ value, rows, frauds, small }))).toEqual([
      { value: 'few', rows: 20, frauds: 4, small: true },
      { value: 'many', rows: 530, frauds: 106, small: false },
    ])
    const own = rank(scores.subarray(20, 550), labels.subarray(20, 550))
    expect(found[1]).toMatchObject({ segment: 'part', auc: auc(own), ap: averagePrecision(own) })
    expect(found[1].ece).toBeCloseTo(calibrationError(own), 12)
    const high = Array.from(scores.keys()).filter((row) => row >= 20 && row < 550 && scores[row] >= 0.5)
    expect(found[1].recall).toBeCloseTo(high.filter((row) => labels[row] === 1).length / 106, 12)
    expect(found[1].falsePositives).toBeCloseTo(high.filter((row) => labels[row] === 0).length / 424, 12)
    expect(found[0].intervals).toBeUndefined()
    const { low, value, high: top } = found[1].intervals?.auc ?? { low: 1, value: 0, high: 0 }
    expect(low).toBeLessThan(value)
    expect(top).toBeGreaterThan(value)
  })

  it('of kinds of fraud are told from all that is genuine', () => {
    // Row 1 was a fraud of which nobody knew.
    const found = figures((row) => (labels[row] === 1 ? row % 2 : row === 1 ? 0 : -1), ['even', 'odd'])
    expect(found.map(({ value, rows, frauds }) => ({ value, rows, frauds }))).toEqual([
      { value: 'even', rows: 540, frauds: 60 },
      { value: 'odd', rows: 540, frauds: 60 },
    ])
    expect(found[0].auc).toBeGreaterThan(0.5)
  })
})

describe('prequential folds', () => {
  const times = Float64Array.from({ length: 400 }, (_, i) => Date.UTC(2026, 0, 1) + i * (day / 4) + 3_600_000)
  const end = Date.UTC(2026, 3, 11)

  it('hold the rows of their days, the last one up to the end', () => {
    const numbers = { trainDays: fc.integer({ min: 1, max: 30 }), testDays: fc.integer({ min: 1, max: 10 }) }
    const options = fc.record({
      ...numbers,
      delayDays: fc.integer({ min: 0, max: 10 }),
      folds: fc.integer({ min: 1, max: 4 }),
      step: fc.integer({ min: 1, max: 10 }),
    })
    fc.assert(
      fc.property(options, (o) => {
        const folds = foldsOf(times, { ...o, end })
        expect(folds).toHaveLength(o.folds)
        folds.forEach(({ train, test, start }, i) => {
          expect(start).toBe(end - (o.testDays + o.step * (o.folds - 1 - i)) * day)
          const within = (from: number, to: number) => [...times.keys()].filter((row) => times[row] >= from && times[row] < to)
          const rowsOf = ({ from, to }: typeof train) => Array.from({ length: to - from }, (_, k) => from + k)
          expect(rowsOf(test)).toEqual(within(start, start + o.testDays * day))
          expect(rowsOf(train)).toEqual(within(start - (o.delayDays + o.trainDays) * day, start - o.delayDays * day))
        })
      }),
    )
  })

  it('follow each other without a gap and end behind the last row where nothing is said', () => {
    const folds = foldsOf(times, { trainDays: Number.POSITIVE_INFINITY, delayDays: 7, testDays: 7, folds: 3 })
    expect(folds.at(-1)?.test.to).toBe(times.length)
    expect(folds.map(({ train }) => train.from)).toEqual([0, 0, 0])
    for (const i of [1, 2]) expect(folds[i].test.from).toBe(folds[i - 1].test.to)
  })

  it('need data that reach back far enough', () => {
    const short = (options: Partial<Parameters<typeof foldsOf>[1]>, of = times) =>
      expect(() => foldsOf(of, { trainDays: 30, delayDays: 7, testDays: 7, folds: 4, end, ...options })).toThrow(
        expect.objectContaining({ code: 'data_too_short' }),
      )
    short({ trainDays: 70 })
    short({ folds: 20, trainDays: Number.POSITIVE_INFINITY })
    short({ end: end + 100 * day })
    short({}, new Float64Array(0))
  })
})
