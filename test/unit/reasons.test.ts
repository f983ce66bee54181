import { beforeAll, describe, expect, it } from 'vitest'
import { encodingOf } from '../../models/encoding.ts'
import { featureNames, indexOf, width } from '../../models/fold/features.ts'
import { randomOf } from '../../models/random.ts'
import { createAttribution } from '../../models/reasons/attribution.ts'
import { createExplain } from '../../models/reasons/explain.ts'
import { isGrouped } from '../../models/reasons/groups.ts'
import { type Layer, networkOf } from '../../models/reasons/network.ts'
import { usualOf } from '../../models/reasons/usual.ts'
import { loadScorer, type Scorer } from '../../models/scorer.ts'
import { someVectors } from '../helpers/vectors.ts'

const rows = 600
let vectors: Float32Array
let scorer: Scorer
beforeAll(async () => {
  vectors = someVectors(rows)
  scorer = await loadScorer('models/default', { backend: 'wasm' })
})
const logitOf = (p: number) => Math.log(p / (1 - p))
const sumOf = (values: Float64Array) => values.reduce((a, b) => a + b, 0)
const every = (n: number) => Array.from({ length: n }, (_, i) => i)

/** A model that adds up what it is told to, and nothing else. */
function additive(weights: Record<string, number>) {
  const kernel = new Float32Array(width)
  for (const [name, weight] of Object.entries(weights)) kernel[indexOf(name)] = weight
  return createExplain(networkOf([{ inputs: width, units: 1, kernel, bias: new Float32Array(1), activation: 'sigmoid' }]))
}

/** A customer of many quiet payments, but for what a test says. */
function vectorOf(values: Record<string, number> = {}): Float32Array {
  const v = new Float32Array(width)
  const windows = Object.fromEntries(
    Object.entries({ '1h': 1, '24h': 1, '7d': 5, '30d': 20 }).flatMap(([w, n]) => [
      [`count_${w}`, n],
      [`sum_${w}`, 1000 * n],
      [`mean_${w}`, 1000],
      [`max_${w}`, 1000],
    ]),
  )
  const ratios = { amount_ratio: 1, amount_over_median: 1, amount_over_max: 1 }
  const habits = { history: 30, gap: 80_000, gap_mean: 80_000, account_age: 900, counterparties_24h: 1, same_counterparty_30d: 1 }
  for (const [name, value] of Object.entries({ amount: 1000, ...windows, ...ratios, ...habits, ...values })) v[indexOf(name)] = value
  return v
}
const told = (weights: Record<string, number>, values: Record<string, number>) => additive(weights)(vectorOf(values), [0])[0].reasons

describe('what each feature adds', () => {
  it('is together the difference between the scores of the transaction and of a usual one, within 1 %', () => {
    const scores = scorer.score(vectors, rows)
    const explained = scorer.explain(vectors, every(rows))
    const usual = new Float32Array(rows * width)
    explained.forEach((e, i) => {
      usual.set(e.usual, i * width)
    })
    const usualScores = scorer.score(usual, rows)
    explained.forEach(({ logit, usualLogit, added }, i) => {
      expect(logit).toBeCloseTo(logitOf(scores[i]), 2)
      expect(usualLogit).toBeCloseTo(logitOf(usualScores[i]), 2)
      expect(Math.abs(sumOf(added) - (logit - usualLogit))).toBeLessThanOrEqual(0.01 * Math.max(Math.abs(logit - usualLogit), 0.01))
    })
  })

  it('is the same in any company and at any repetition, and nothing where a feature is as usual', () => {
    const [alone] = scorer.explain(vectors, [17])
    const among = scorer.explain(vectors, [3, 17, 5])
    expect(among[1]).toEqual(alone)
    const own = vectors.subarray(17 * width, 18 * width)
    for (let f = 0; f < width; f++) if (own[f] === alone.usual[f]) expect(alone.added[f]).toBe(0)
  })

  it('is weight times difference where the model is linear', () => {
    const [{ added, usual }] = additive({ home_distance: 0.02, night: 1 })(
      vectorOf({ home_distance: 150, night: 1, night_share: 0.25 }),
      [0],
    )
    expect(usual[indexOf('night')]).toBe(0.25)
    expect(added[indexOf('home_distance')]).toBeCloseTo(3, 5)
    expect(added[indexOf('night')]).toBeCloseTo(0.75, 5)
    expect(sumOf(added)).toBeCloseTo(3.75, 5)
  })

  it.each(['relu', 'tanh'])('agrees with many small steps along the way, through ramps and two layers of %s', (activation) => {
    const random = randomOf(5)
    const dense = (inputs: number, units: number, act: string): Layer => ({
      inputs,
      units,
      kernel: Float32Array.from({ length: inputs * units }, () => 2 * random() - 1),
      bias: Float32Array.from({ length: units }, () => random() - 0.5),
      activation: act,
    })
    const knots = [
      [0, 0.1, 0.15, 2],
      [0, 5],
      [-3, -1, 4],
      [0, 1],
    ]
    const encoding = encodingOf(knots)
    const kernel = new Float32Array(4 * encoding.units)
    encoding.source.forEach((feature, u) => {
      kernel[feature * encoding.units + u] = encoding.scale[u]
    })
    const encode: Layer = { inputs: 4, units: encoding.units, kernel, bias: encoding.shift, activation: 'hardSigmoid' }
    const layers = [encode, dense(encoding.units, 9, activation), dense(9, 6, activation), dense(6, 1, 'sigmoid')]
    const slow = (x: readonly number[]): number => {
      let values = [...x]
      for (const { inputs, units, kernel: k, bias, activation: act } of layers) {
        values = every(units).map((u) => {
          let y = bias[u]
          for (let i = 0; i < inputs; i++) y += values[i] * k[i * units + u]
          return act === 'hardSigmoid'
            ? Math.max(0, Math.min(1, 0.2 * y + 0.5))
            : act === 'relu'
              ? Math.max(0, y)
              : act === 'tanh'
                ? Math.tanh(y)
                : y
        })
      }
      return values[0]
    }
    const [from, to] = [Float32Array.of(0, 1, 3, 1), Float32Array.of(1.5, 6, -2, 1)]
    const [fine, out] = [new Float64Array(4), new Float64Array(4)]
    const { logit, baseline } = createAttribution(networkOf(layers), 4096)(from, to, fine)
    createAttribution(networkOf(layers))(from, to, out)
    expect([baseline, logit]).toEqual([expect.closeTo(slow([...from]), 4), expect.closeTo(slow([...to]), 4)])
    const steps = 4000
    const expected = [0, 0, 0, 0]
    for (let k = 0; k < steps; k++) {
      const x = every(4).map((i) => from[i] + ((k + 0.5) / steps) * (to[i] - from[i]))
      for (let i = 0; i < 4; i++) {
        const half = (to[i] - from[i]) / steps / 2
        expected[i] += slow(x.with(i, x[i] + half)) - slow(x.with(i, x[i] - half))
      }
    }
    const scale = Math.max(...expected.map(Math.abs))
    expected.forEach((added, i) => {
      expect(Math.abs(fine[i] - added)).toBeLessThan(0.01 * scale)
      expect(Math.abs(out[i] - added)).toBeLessThan(0.02 * scale)
    })
    expect(out[3]).toBe(0)
  })
})

describe('the usual transaction', () => {
  const usual = (values: Record<string, number>) => {
    const out = new Float32Array(width)
    usualOf(vectorOf(values), out)
    return (name: string) => out[indexOf(name)]
  }

  it('has the mean amount, and windows that hold what 30 days let expect', () => {
    const of = usual({ amount: 5000, amount_ratio: 5, amount_over_median: 10, count_24h: 9, sum_24h: 45_000, count_30d: 31 })
    expect([of('amount'), of('amount_ratio'), of('amount_over_median')]).toEqual([1000, 1, 2])
    expect([of('count_24h'), of('sum_24h'), of('mean_24h'), of('count_30d')]).toEqual([2, 2000, 1000, 31])
  })

  it('is nothing new, and known for long to others too', () => {
    const of = usual({ new_device: 1, new_country: 1, device_age: 0.1, device_cards_30d: 8, counterparty_frauds_30d: 4, devices_30d: 3 })
    expect(['new_device', 'new_country', 'counterparty_frauds_30d', 'speed'].map(of)).toEqual([0, 0, 0, 0])
    expect([of('device_age'), of('device_cards_30d'), of('devices_30d')]).toEqual([31, 1, 2])
  })

  it('is finite, whatever the customer', () => {
    const out = new Float32Array(width)
    for (let row = 0; row < rows; row++) {
      usualOf(vectors.subarray(row * width, (row + 1) * width), out)
      expect(out.every(Number.isFinite)).toBe(true)
    }
    usualOf(new Float32Array(width), out)
    expect(out.every(Number.isFinite)).toBe(true)
  })
})

describe('reasons', () => {
  it('have a group for every feature', () => {
    expect(featureNames.filter((name) => !isGrouped(name))).toEqual([])
  })

  it('say what raises the score, the most telling first, with value, usual value and share', () => {
    const reasons = told({ amount_ratio: 0.25, new_device: 1, home_distance: -1 }, { amount_ratio: 13, new_device: 1, home_distance: 9 })
    expect(reasons).toEqual([
      { code: 'amount_above_habit', text: 'The amount is 13 times what is usual for this customer', value: 13, usual: 1, share: 0.75 },
      { code: 'new_device', text: 'A device that this customer has not used before', value: 1, usual: 0, share: 0.25 },
    ])
  })

  it('are none where nothing raises the score', () => {
    expect(told({ amount_ratio: 1, new_device: 1 }, {})).toEqual([])
    expect(told({ new_device: -1 }, { new_device: 1 })).toEqual([])
  })

  it('tell features that mean the same once', () => {
    const weights = { new_device: 1, devices_30d: 1, device_age: -1, night: 0.01 }
    expect(told(weights, { new_device: 1, devices_30d: 2 }).map((r) => r.code)).toEqual(['new_device'])
  })

  it('tell the only payment of a day as its amount, and many as spending', () => {
    const weights = { sum_24h: 1e-4 }
    const high = { amount: 9000, amount_ratio: 9, sum_24h: 9000, mean_24h: 9000, max_24h: 9000 }
    expect(told(weights, high).map((r) => r.code)).toEqual(['amount_above_habit'])
    expect(told(weights, { ...high, count_24h: 7, sum_24h: 20_000, day_over_habit: 12 })).toMatchObject([
      { code: 'much_in_a_day', text: 'Spending of a day is 12 times the daily mean' },
    ])
  })

  it('do not hold a habit against a customer who has none yet', () => {
    expect(told({ new_device: 1, new_country: 1, gap: -1e-6 }, { history: 1, new_device: 1, new_country: 1, gap: 60 })).toMatchObject([
      { code: 'no_history', share: 1 },
    ])
  })

  it('call a night or the card’s absence unusual only for those who seldom have it', () => {
    expect(told({ night: 1 }, { night: 1, night_share: 0.02 })[0].code).toBe('unusual_night')
    expect(told({ night: 1 }, { night: 1, night_share: 0.6 })[0].code).toBe('night')
    expect(told({ card_not_present: 1 }, { card_not_present: 1, remote_share: 0.01 })[0].code).toBe('unusual_remote')
    expect(told({ card_not_present: 1 }, { card_not_present: 1, remote_share: 0.5 })[0].code).toBe('remote')
  })

  it('are at most five short texts, each code once, on any customer', () => {
    for (const { reasons } of scorer.explain(vectors, every(rows))) {
      expect(reasons.length).toBeLessThanOrEqual(5)
      expect(new Set(reasons.map((r) => r.code)).size).toBe(reasons.length)
      for (const { text, value, usual } of reasons) {
        expect(text.length).toBeLessThanOrEqual(200)
        expect(text).not.toMatch(/NaN|Infinity|undefined/)
        expect([value, usual].every(Number.isFinite)).toBe(true)
      }
    }
  })
})
