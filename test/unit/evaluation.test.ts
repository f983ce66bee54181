import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { differencesOf, draws, intervalsOf } from '../../models/evaluation/bootstrap.ts'
import { cardPrecision } from '../../models/evaluation/card-precision.ts'
import {
  auc,
  averagePrecision,
  calibrationError,
  figuresOf,
  meanOverBase,
  recallAt,
  recallAtFalsePositives,
  reliability,
} from '../../models/evaluation/metrics.ts'
import { rank, rankingOf } from '../../models/evaluation/ranked.ts'

type Row = { score: number; label: number; weight: number }

/** Few scores, so that there are many ties; weights that are whole numbers, so that a row can be repeated instead. */
const rows = fc.array(
  fc.record({
    score: fc.integer({ min: 0, max: 8 }).map((n) => n / 8),
    label: fc.integer({ min: 0, max: 1 }),
    weight: fc.integer({ min: 0, max: 3 }),
  }),
  { minLength: 1, maxLength: 60 },
)
const ranked = (all: Row[]) =>
  rank(
    Float64Array.from(all, (r) => r.score),
    Uint8Array.from(all, (r) => r.label),
    all.map((r) => r.weight),
  )
const repeated = (all: Row[], times = 1) => all.flatMap((row) => Array.from({ length: row.weight * times }, () => row))
const sum = (of: number[]) => of.reduce((a, b) => a + b, 0)

/** Frauds among rows of this score, as a share: what any of them counts for where only some are looked at. */
const expected = (all: Row[], score: number) => {
  const same = all.filter((r) => r.score === score)
  return sum(same.map((r) => r.label)) / same.length
}

describe('metrics are what the slow, obvious way gives', () => {
  const same = (metric: (all: Row[]) => number, slow: (all: Row[]) => number) =>
    fc.assert(
      fc.property(rows, (all) => {
        const wanted = slow(repeated(all))
        if (Number.isNaN(wanted)) expect(metric(all)).toBeNaN()
        else expect(metric(all)).toBeCloseTo(wanted, 9)
      }),
    )

  it('AUC: each fraud against each genuine one', () => {
    same(
      (all) => auc(ranked(all)),
      (all) => {
        const [frauds, genuine] = [1, 0].map((label) => all.filter((r) => r.label === label))
        const wins = frauds.flatMap((f) => genuine.map((g) => (f.score > g.score ? 1 : f.score === g.score ? 0.5 : 0)))
        return sum(wins) / wins.length
      },
    )
  })

  it('average precision: the precision at the score of each fraud', () => {
    same(
      (all) => averagePrecision(ranked(all)),
      (all) => {
        const precisions = all.flatMap((fraud) => {
          const above = all.filter((r) => r.score >= fraud.score)
          return fraud.label === 1 ? [sum(above.map((r) => r.label)) / above.length] : []
        })
        return sum(precisions) / precisions.length
      },
    )
  })

  it('calibration: all rows fifteen times over, cut into fifteen heaps', () => {
    const slow = (all: Row[]) => {
      const sorted = [...all, ...Array.from({ length: 14 }, () => all).flat()].sort((a, b) => b.score - a.score)
      const heaps = Array.from({ length: 15 }, (_, b) => sorted.slice(b * all.length, (b + 1) * all.length))
      return sum(heaps.map((heap) => Math.abs(sum(heap.map((r) => r.score - expected(all, r.score)))))) / sorted.length
    }
    same((all) => calibrationError(ranked(all)), slow)
  })

  it('recall at a budget: the mean over all orders of the ties', () => {
    for (const budget of [0, 0.1, 0.25, 0.5, 1]) {
      same(
        (all) => recallAt(ranked(all), budget),
        (all) => {
          const sorted = Array.from({ length: 20 }, () => all)
            .flat()
            .sort((a, b) => b.score - a.score)
          const looked = sorted.slice(0, Math.round(all.length * 20 * budget))
          return sum(looked.map((r) => expected(all, r.score))) / sum(sorted.map((r) => r.label))
        },
      )
    }
  })

  it('recall at a rate of false positives: a point of the ROC curve', () => {
    for (const rate of [0, 0.01, 0.29, 0.5, 1]) {
      same(
        (all) => recallAtFalsePositives(ranked(all), rate),
        (all) => {
          const [frauds, genuine] = [1, 0].map((label) => all.filter((r) => r.label === label))
          if (frauds.length === 0 || genuine.length === 0) return Number.NaN
          const points = [2, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0].map((at) =>
            [genuine, frauds].map((of) => of.filter((r) => r.score >= at).length / of.length),
          )
          const right = points.findIndex(([x]) => x > rate + 1e-12)
          if (right < 0) return 1
          const [[x0, y0], [x1, y1]] = [points[right - 1], points[right]]
          return y0 + ((y1 - y0) * (rate - x0)) / (x1 - x0)
        },
      )
    }
  })

  it('mean score over base rate', () => {
    same(
      (all) => meanOverBase(ranked(all)),
      (all) => {
        const frauds = sum(all.map((r) => r.label))
        return frauds === 0 ? Number.NaN : sum(all.map((r) => r.score)) / frauds
      },
    )
  })

  it('the order of the rows does not matter', () => {
    const figures = (all: Row[]) =>
      figuresOf(
        Float32Array.from(all, (r) => r.score),
        Uint8Array.from(all, (r) => r.label),
      )
    fc.assert(
      fc.property(rows, (all) => {
        expect(figures([...all].reverse())).toEqual(figures(all))
      }),
    )
  })

  it('bins of the reliability table are of equal weight and hold all rows', () => {
    fc.assert(
      fc.property(rows, (all) => {
        const whole = sum(all.map((r) => r.weight))
        const bins = reliability(ranked(all))
        for (const bin of bins) {
          expect(bin.weight).toBeCloseTo(whole / 15, 9)
          expect(bin.lowest).toBeLessThanOrEqual(bin.meanScore + 1e-12)
          expect(bin.highest).toBeGreaterThanOrEqual(bin.meanScore - 1e-12)
        }
        expect(sum(bins.map((b) => b.weight))).toBeCloseTo(whole, 9)
        expect(sum(bins.map((b) => b.weight * b.fraudShare))).toBeCloseTo(sum(all.map((r) => r.weight * r.label)), 9)
      }),
    )
  })
})

describe('figures', () => {
  const scores = Float32Array.of(0.9, 0.8, 0.8, 0.2, 0.1)
  const truth = Uint8Array.of(1, 0, 1, 0, 0)

  it('of a small example', () => {
    expect(auc(rank(scores, truth))).toBeCloseTo(5.5 / 6)
    expect(averagePrecision(rank(scores, truth))).toBeCloseTo((1 + 2 / 3) / 2)
    expect(recallAt(rank(scores, truth), 0.2)).toBe(0.5)
    expect(recallAt(rank(scores, truth), 0.4)).toBeCloseTo(0.75)
    expect(calibrationError(rank(Float32Array.of(1, 1, 0), Uint8Array.of(1, 1, 0)))).toBe(0)
  })

  it('are NaN where there is one class only, or nothing', () => {
    for (const label of [0, 1]) expect(figuresOf(scores, new Uint8Array(5).fill(label)).auc).toBeNaN()
    expect(figuresOf(scores, new Uint8Array(5))).toMatchObject({ ap: Number.NaN, meanOverBase: Number.NaN, recallAtBudget: Number.NaN })
    expect(recallAtFalsePositives(rank(scores, new Uint8Array(5).fill(1)), 0.01)).toBeNaN()
    expect(figuresOf(new Float32Array(0), new Uint8Array(0))).toMatchObject({ rows: 0, auc: Number.NaN, ece: Number.NaN })
  })

  it('refuse scores that are no numbers, and labels that nobody gave', () => {
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const broken = Float32Array.of(0.1, wrong, 0.3)
      expect(() => figuresOf(broken, Uint8Array.of(0, 1, 0))).toThrow(
        expect.objectContaining({ code: 'score_not_finite', details: { row: 1, score: String(wrong) } }),
      )
      const cards = { scores: broken, labels: Uint8Array.of(0, 1, 0), times: [0, 0, 0], cards: [1, 2, 3] }
      expect(() => cardPrecision(cards, { start: 0, days: 1, k: 1 })).toThrow(expect.objectContaining({ code: 'score_not_finite' }))
    }
    expect(() => figuresOf(scores, Uint8Array.of(0, 1, 2, 0, 0))).toThrow(expect.objectContaining({ code: 'label_not_known' }))
    expect(() => figuresOf(scores, Uint8Array.of(0, 1))).toThrow(expect.objectContaining({ code: 'label_not_known' }))
  })
})

describe('card precision', () => {
  const day = 86_400_000

  it('is what going through all days one by one gives', () => {
    const row = fc.record({
      time: fc.integer({ min: -day, max: 4 * day }),
      card: fc.integer({ min: 0, max: 6 }),
      label: fc.integer({ min: 0, max: 1 }),
    })
    fc.assert(
      fc.property(fc.array(row, { maxLength: 40 }), fc.integer({ min: 1, max: 4 }), (all, k) => {
        // No two scores are the same, and some are negative.
        const data = all.map((r, i) => ({ ...r, score: ((i * 37) % 41) / 41 - 0.5 }))
        let gone: number[] = []
        const days = [0, 1, 2].map((d) => {
          const today = data.filter((r) => Math.floor(r.time / day) === d && !gone.includes(r.card))
          const best = [...today]
            .sort((a, b) => b.score - a.score)
            .filter((r, i, sorted) => sorted.findIndex((s) => s.card === r.card) === i)
          const hits = best.slice(0, k).filter(({ card }) => today.some((r) => r.card === card && r.label === 1))
          gone = [...gone, ...hits.map((r) => r.card)]
          return hits.length / k
        })
        const columns = {
          scores: Float64Array.from(data, (r) => r.score),
          labels: Uint8Array.from(data, (r) => r.label),
          times: data.map((r) => r.time),
          cards: data.map((r) => r.card),
        }
        expect(cardPrecision(columns, { start: 0, days: 3, k })).toBeCloseTo(sum(days) / 3, 9)
      }),
    )
  })
})

describe('intervals by card', () => {
  const cardRows = fc.array(
    fc.record({
      score: fc.integer({ min: 0, max: 8 }).map((n) => n / 8),
      other: fc.integer({ min: 0, max: 8 }).map((n) => n / 8),
      label: fc.integer({ min: 0, max: 1 }),
      weight: fc.integer({ min: 0, max: 3 }),
      card: fc.integer({ min: 3, max: 9 }),
    }),
    { minLength: 1, maxLength: 30 },
  )
  type CardRow = Row & { other: number; card: number }
  const metrics = { auc, averagePrecision, calibrationError }
  const options = { replicates: 20, seed: 7 }
  const columns = (all: CardRow[]) => ({
    labels: Uint8Array.from(all, (r) => r.label),
    weights: all.map((r) => r.weight),
    cards: all.map((r) => r.card),
  })
  const ranking = (all: CardRow[], name: 'score' | 'other') => rankingOf(Float64Array.from(all, (r) => r[name]))

  /** Each replicate written out: the rows of a card as often as it was drawn, ranked from scratch. */
  const slow = (all: CardRow[], name: 'score' | 'other', metric: typeof auc) => {
    const cards = [...new Set(all.map((r) => r.card))]
    return Array.from(draws(cards.length, options), (counts) => {
      const drawn = all.flatMap((r) => Array.from({ length: counts[cards.indexOf(r.card)] * r.weight }, () => r))
      return metric(
        rank(
          Float64Array.from(drawn, (r) => r[name]),
          Uint8Array.from(drawn, (r) => r.label),
        ),
      )
    })
  }
  /** Twenty values, so that 2.5 % lies 0.475 of the way from the first to the second where none is missing. */
  const at = (values: number[], share: number) => {
    const sorted = [...values].sort((a, b) => a - b)
    const place = share * (sorted.length - 1)
    const weight = place - Math.floor(place)
    return sorted.length === 0 ? Number.NaN : sorted[Math.floor(place)] * (1 - weight) + sorted[Math.ceil(place)] * weight
  }
  const close = (found: number, wanted: number) => (Number.isNaN(wanted) ? expect(found).toBeNaN() : expect(found).toBeCloseTo(wanted, 9))

  it('are those of the replicates written out', () => {
    fc.assert(
      fc.property(cardRows, (all) => {
        const found = intervalsOf(ranking(all, 'score'), columns(all), metrics, options)
        for (const [name, metric] of Object.entries(metrics)) {
          const values = slow(all, 'score', metric).filter((v) => !Number.isNaN(v))
          const { value, low, high, replicates } = found[name as keyof typeof metrics]
          expect(replicates).toBe(values.length)
          close(value, metric(ranked(all)))
          close(low, at(values, 0.025))
          close(high, at(values, 0.975))
        }
      }),
    )
  })

  it('of differences are paired: both rankings by the same draws', () => {
    fc.assert(
      fc.property(cardRows, (all) => {
        const both = [ranking(all, 'score'), ranking(all, 'other')] as const
        const { auc: found } = differencesOf(both, columns(all), { auc }, options)
        const [before, after] = [slow(all, 'score', auc), slow(all, 'other', auc)]
        const values = after.map((v, i) => v - before[i]).filter((v) => !Number.isNaN(v))
        expect(found.replicates).toBe(values.length)
        close(found.low, at(values, 0.025))
        close(found.high, at(values, 0.975))
        const { auc: none } = differencesOf([both[0], both[0]], columns(all), { auc }, options)
        if (none.replicates > 0) expect(none).toMatchObject({ low: 0, high: 0, above: 0 })
      }),
    )
  })

  it('do not grow surer by rows of the same card', () => {
    const once = Array.from({ length: 60 }, (_, i) => ({
      score: ((i * 7) % 10) / 10,
      other: 0,
      label: i % 3 === 0 ? 1 : 0,
      weight: 1,
      card: i,
    }))
    const often = once.flatMap((row) => [row, row, row, row])
    const [a, b] = [once, often].map((all) => intervalsOf(ranking(all, 'score'), columns(all), { auc }))
    expect(b.auc.replicates).toBe(200)
    expect(b.auc.low).toBeCloseTo(a.auc.low, 12)
    expect(b.auc.high).toBeCloseTo(a.auc.high, 12)
    expect(a.auc.low).toBeLessThan(a.auc.value)
    expect(a.auc.high).toBeGreaterThan(a.auc.value)
  })
})
