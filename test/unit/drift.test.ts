import { describe, expect, it } from 'vitest'
import { type SimulatedEvent, simulate } from '../../infra/simulator/simulate.ts'
import { foldStream } from '../../models/data/from-simulator.ts'
import { MatrixWriter } from '../../models/data/matrix.ts'
import { binsOf, type ModelBins, warmUpOf } from '../../models/drift/bins.ts'
import { type Bins, binOf, binsOfColumn, countIn, psiOf } from '../../models/drift/column.ts'
import { Counts, countRows, type SomeRows } from '../../models/drift/counts.ts'
import { type ColumnDrift, driftOf as driftOfCounts } from '../../models/drift/psi.ts'
import { features as definitions } from '../../models/fold/features.ts'
import type { Transaction } from '../../services/shared/events.ts'

const day = 86_400_000
const uniform = (n: number, scale = 1) => Float32Array.from({ length: n }, (_, i) => ((i * 7919) % n) * (scale / n))
const driftOf = (bins: ModelBins | undefined, { features, age, ...some }: SomeRows & { features: readonly string[]; age: number }) => {
  const counts = new Counts(bins, features)
  countRows(some, () => counts)
  return driftOfCounts(counts, age)
}
const sumOf = ({ shares, missing }: Bins) => shares.reduce((sum, share) => sum + share, missing)

describe('bins of a column', () => {
  it('are tenths, each with its last value', () => {
    const bins = binsOfColumn(Float32Array.from({ length: 1000 }, (_, i) => i))
    expect(bins.edges).toEqual([99, 199, 299, 399, 499, 599, 699, 799, 899])
    expect(bins.shares).toEqual(new Array(10).fill(0.1))
    expect(bins.missing).toBe(0)
    expect(bins.special).toBeUndefined()
    expect([-5, 99, 99.5, 899, 1e9].map((v) => binOf(bins, v))).toEqual([0, 0, 1, 8, 9])
  })

  it('count the most frequent value by itself where more than a tenth have it, in the middle too, and what is no number', () => {
    const of = (share: number, value: number) =>
      binsOfColumn(Float32Array.from({ length: 1000 }, (_, i) => (i < share * 1000 ? value : i < 950 ? i + 1 : Number.NaN)))
    const many = of(0.3, 500.5)
    expect(many.special).toBe(500.5)
    expect(many.shares[0]).toBe(0.3)
    expect(many.missing).toBe(0.05)
    expect(sumOf(many)).toBeCloseTo(1)
    expect(binOf(many, 500.5)).toBe(0)
    expect(binOf(many, 500)).toBeGreaterThan(0)
    expect(of(0.1, 0).special).toBeUndefined()
  })

  it.each([
    ['one value', [3, 3, 3, 3], { special: 3, edges: [], shares: [1, 0], missing: 0 }],
    ['a flag', [0, 0, 0, 1], { special: 0, edges: [], shares: [0.75, 0.25], missing: 0 }],
    ['both zeros', [-0, 0, -0, 0], { special: 0, edges: [], shares: [1, 0], missing: 0 }],
    ['no number', [Number.NaN, Number.POSITIVE_INFINITY], { edges: [], shares: [0], missing: 1 }],
    ['nothing', [], { edges: [], shares: [0], missing: 0 }],
  ])('stand for %s, and are the same after JSON', (_, values, expected) => {
    const bins = binsOfColumn(Float32Array.from(values))
    expect(bins).toEqual(expected)
    expect(JSON.parse(JSON.stringify(bins))).toEqual(bins)
  })
})

describe('the index', () => {
  it('is 0 for the same shares, and the sum by hand for others', () => {
    const bins: Bins = { edges: [1], shares: [0.5, 0.5], missing: 0 }
    expect(psiOf(bins, [500, 500, 0])).toBeCloseTo(0)
    expect(psiOf(bins, [800, 200, 0])).toBeCloseTo(0.3 * Math.log(1.6) - 0.3 * Math.log(0.4))
  })

  it('is finite for bins that are empty now or were then, and sees values go missing', () => {
    const bins = binsOfColumn(uniform(1000))
    expect(psiOf(bins, countIn(bins, uniform(1000, 100)))).toBeGreaterThan(1)
    expect(psiOf(bins, countIn(bins, uniform(1000, 1e-9)))).toBeLessThan(20)
    const gone = uniform(1000).map((v, i) => (i % 2 ? v : Number.NaN))
    expect(psiOf(bins, countIn(bins, gone))).toBeGreaterThan(0.25)
    expect(psiOf(binsOfColumn(gone), countIn(binsOfColumn(gone), gone))).toBeCloseTo(0)
    expect(psiOf(bins, countIn(bins, []))).toBe(0)
  })
})

describe('drift of a model', () => {
  const matrixOf = (columns: Float32Array[]) => {
    const writer = new MatrixWriter(columns.length)
    for (let i = 0; i < columns[0].length; i++) writer.push(Float32Array.from(columns, (c) => c[i]))
    return writer.finish()
  }
  const names = ['amount', 'count_30d', 'device_age']
  const rows = Uint32Array.from({ length: 6000 }, (_, i) => i)
  const column = uniform(rows.length)
  const matrix = matrixOf([column, column, column])
  const times = Float64Array.from(rows, (i) => i * 0.01 * day)
  const bins = binsOf({ matrix, features: names, times, rows, scores: column })
  const seen = { matrix, features: names, rows, scores: column, age: 365 * day }

  it('says that a model has no bins, and that rows are too few', () => {
    expect(driftOf(undefined, seen)).toMatchObject({ verdict: 'no bins', reason: expect.stringContaining('train it again') })
    expect(driftOf(bins, { ...seen, rows: rows.subarray(0, 20) })).toMatchObject({
      verdict: 'too few rows',
      rows: 20,
      reason: '20 transactions; at least 500 are needed',
    })
  })

  it('leaves out what had not warmed up when the model was trained', () => {
    expect(Object.keys(bins.features)).toEqual(['amount', 'count_30d'])
    const report = driftOf(bins, seen)
    expect(report).toMatchObject({ verdict: 'warming up', score: { verdict: 'stable' } })
    expect(report).toHaveProperty('features.2', { name: 'device_age', verdict: 'warming up' })
  })

  it('leaves out what is warming up now, and the score with it, but alarms for what is not', () => {
    const young = driftOf(bins, { ...seen, age: day })
    expect(young).toMatchObject({ verdict: 'warming up', score: { name: 'score', verdict: 'warming up' } })
    const moved = matrixOf([column.map((v) => v * 100), column, column])
    const report = driftOf(bins, { ...seen, matrix: moved, age: day })
    expect(report).toMatchObject({ verdict: 'drifting', features: [{ name: 'amount', verdict: 'drifting' }, {}, {}] })
  })

  it('tells that scores have moved, and shares of what is missing then and now', () => {
    const higher = driftOf(bins, { ...seen, scores: column.map((v) => Math.sqrt(v)) })
    expect(higher).toMatchObject({ verdict: 'drifting', score: { name: 'score', verdict: 'drifting' } })
    const holes = driftOf(bins, { ...seen, matrix: matrixOf([column.map((v, i) => (i % 4 ? v : Number.NaN)), column, column]) })
    expect(holes).toHaveProperty('features.0.missing', { before: 0, now: 0.25 })
    expect(holes.verdict).toBe('drifting')
  })

  it('tells of a change that one report makes in all rows of a shop, without an alarm', () => {
    const all = rows.map((row) => row + 6000)
    const later = Float64Array.from({ length: 12_000 }, (_, i) => i * 0.01 * day)
    const twice = Float32Array.from({ length: 12_000 }, (_, i) => column[i % 6000])
    const one = ['counterparty_since_last_fraud']
    const own = binsOf({ matrix: matrixOf([twice]), features: one, times: later, rows: all, scores: column })
    const report = driftOf(own, { ...seen, features: one, matrix: matrixOf([column.map(() => 0.5)]) })
    expect(report).toMatchObject({ verdict: 'moving', features: [{ name: one[0], verdict: 'moving' }] })
    expect((report as { features: ColumnDrift[] }).features[0].psi).toBeGreaterThan(1)
  })

  it('knows of each feature how long it warms up', () => {
    expect(['amount', 'night', 'sum_24h', 'gap', 'ip_count_30d', 'ip_fraud_share'].map((name) => warmUpOf(name) / day)).toEqual([
      0, 0, 1, 30, 30, 60,
    ])
    for (const { name, entity } of definitions) if (entity !== 'transaction') expect(warmUpOf(name) >= 0, name).toBe(true)
  })
})

describe('drift of a simulated bank', () => {
  const start = Date.parse('2026-01-05')
  const transactions = 18_000
  const days = 126
  const trainedUntil = start + 91 * day
  const changed = trainedUntil + 21 * day
  const events = [...simulate({ seed: 3, tenant: 'drift', transactions, customers: 400, days, start })]
  const bank = (change: (t: Transaction) => Transaction) => {
    const data = foldStream(
      events.map((e): SimulatedEvent => (e.topic === 'transactions' && e.at >= changed ? { ...e, event: change(e.event) } : e)),
      transactions,
    )
    const between = (from: number, to: number) =>
      Uint32Array.from([...data.times.keys()].filter((row) => data.times[row] >= from && data.times[row] < to))
    const bins = binsOf({ ...data, rows: between(start, trainedUntil), scores: new Float32Array(0) })
    return (from: number) => driftOf(bins, { ...data, rows: between(from, from + 7 * day), age: from - start })
  }
  const drifting = (report: object): string[] =>
    (report as { features: ColumnDrift[] }).features.filter((f) => f.verdict === 'drifting').map((f) => f.name)

  it('gives no alarm in weeks like those before', () => {
    const week = bank((t) => t)
    for (let i = 0; i < 4; i++) {
      const report = week(trainedUntil + i * 7 * day)
      expect(report).not.toHaveProperty('reason')
      expect(drifting(report), `week ${i}`).toEqual([])
      expect(['stable', 'moving']).toContain(report.verdict)
    }
  })

  it('alarms when amounts are a hundred times what they were, and names what is made of amounts', () => {
    const report = bank((t) => ({ ...t, amount: t.amount * 100 }))(changed)
    expect(report.verdict).toBe('drifting')
    const names = drifting(report)
    expect(names[0]).toBe('amount')
    expect(names).toEqual(expect.arrayContaining(['sum_24h', 'mean_7d', 'max_1h', 'amount_ratio']))
    expect(names.filter((name) => !/amount|sum|mean|max|large|day_over_habit/.test(name))).toEqual([])
  })

  it('alarms when devices are no longer named, and names what is made of devices', () => {
    const report = bank(({ device: _, ...t }) => t)(changed)
    expect(report.verdict).toBe('drifting')
    const names = drifting(report)
    expect(names).toContain('device_unknown')
    expect(names.filter((name) => !name.includes('device'))).toEqual([])
  })
})
