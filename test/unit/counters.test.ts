import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { counterFeatures } from '../../models/fold/counter-features.ts'
import {
  addLabel,
  addTransaction,
  baseRate,
  type LabelKind,
  mostDays,
  priorWeight,
  readCounters,
  stateWords,
} from '../../models/fold/counters.ts'

const hour = 3_600_000
const day = 24 * hour
const start = Date.UTC(2026, 2, 1)

type Seen = { time: number; card: number }
type Known = { kind: LabelKind; time: number; delta: number }
type Change = Seen | Known

const apply = (state: Uint32Array, change: Change): void =>
  'card' in change ? addTransaction(state, change.time, change.card) : addLabel(state, change.kind, change.time, change.delta)
const stateOf = (changes: readonly Change[]): Uint32Array => {
  const state = new Uint32Array(stateWords)
  for (const change of changes) apply(state, change)
  return state
}
const featuresOf = (state: Uint32Array, time: number): Record<string, number> => {
  const out = new Float32Array(counterFeatures.length)
  readCounters(state, time, out, 0)
  return Object.fromEntries(counterFeatures.map((f, i) => [f.name, out[i]]))
}

const time = fc.integer({ min: start, max: start + 90 * day })
const seen: fc.Arbitrary<Change> = fc.record({ time, card: fc.integer({ min: 0, max: 127 }) })
const known: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom<LabelKind>('fraud', 'genuine'),
  time,
  delta: fc.constantFrom(1, 1, 1, -1),
})
const changes = fc.array(fc.oneof({ weight: 4, arbitrary: seen }, known), { maxLength: 120 })

/** The same features from the whole list, as of a time after which nothing has happened. */
function slowly(list: readonly Change[], at: number): Record<string, number> {
  const transactions = list.filter((c): c is Seen => 'card' in c)
  const labels = list.filter((c): c is Known => 'delta' in c)
  const number = (t: number, unit: number) => Math.floor(t / unit)
  const window = (unit: number, size: number) => {
    const ages = transactions.map((t) => number(at, unit) - number(t.time, unit))
    const whole = ages.filter((age) => age < size).length
    return whole + ages.filter((age) => age === size).length * (1 - (at % unit) / unit)
  }
  const cards = (unit: number, size: number) => {
    const bits = new Set(transactions.filter((t) => number(at, unit) - number(t.time, unit) < size).map((t) => t.card))
    return 128 * Math.log(128 / Math.max(1, 128 - bits.size))
  }
  const days = (kind: LabelKind) =>
    Array.from({ length: 30 }, (_, age) =>
      labels.filter((l) => l.kind === kind && number(at, day) - number(l.time, day) === age).reduce((sum, l) => sum + l.delta, 0),
    )
  const fraudDays = days('fraud')
  const frauds = Math.max(
    0,
    fraudDays.reduce((a, b) => a + b, 0),
  )
  const ages = fraudDays.flatMap((n, age) => (n > 0 ? [age] : []))
  const first = ages.at(-1) ?? mostDays
  const genuine = ages.length === 0 ? 0 : days('genuine').slice(0, first + 1)
  return {
    count_1h: window(hour, 1),
    count_24h: window(hour, 24),
    count_30d: window(day, 30),
    cards_24h: cards(6 * hour, 5),
    cards_30d: cards(6 * day, 6),
    age:
      transactions.length === 0 ? 0 : Math.min(31, (at / 1000 - Math.min(...transactions.map((t) => Math.floor(t.time / 1000)))) / 86_400),
    fraud_share: Math.min(1, (frauds + priorWeight * baseRate) / (window(day, 30) + priorWeight)),
    frauds_30d: frauds,
    since_first_fraud: first,
    since_last_fraud: ages[0] ?? mostDays,
    genuine_since:
      genuine === 0
        ? 0
        : Math.max(
            0,
            genuine.reduce((a, b) => a + b, 0),
          ),
  }
}

describe('what is counted of an entity', () => {
  test('is the same to the last bit in whatever order it came', () => {
    const shuffled = changes.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })))
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        expect(stateOf(other)).toEqual(stateOf(one))
      }),
      { numRuns: 300 },
    )
  })

  test('gives the features that the whole list of transactions and labels gives', () => {
    fc.assert(
      fc.property(changes, fc.integer({ min: 0, max: 40 * day }), (list, later) => {
        const at = Math.max(start, ...list.map((c) => c.time)) + later
        const exact = slowly(list, at)
        const features = featuresOf(stateOf(list), at)
        for (const { name } of counterFeatures) expect(features[name], name).toBe(Math.fround(exact[name]))
      }),
      { numRuns: 500 },
    )
  })
})

describe('the features of an entity', () => {
  const now = start + 50 * day + 30 * 60_000

  test('that was never seen are those of a new one', () => {
    expect(featuresOf(new Uint32Array(stateWords), now)).toEqual({
      count_1h: 0,
      count_24h: 0,
      count_30d: 0,
      cards_24h: 0,
      cards_30d: 0,
      age: 0,
      fraud_share: Math.fround(0.01),
      frauds_30d: 0,
      since_first_fraud: 31,
      since_last_fraud: 31,
      genuine_since: 0,
    })
  })

  test('take the hour and the day that the window cuts in proportion', () => {
    const at = (age: number) => ({ time: now - age, card: 1 })
    const features = featuresOf(stateOf([at(0), at(hour), at(hour), at(24 * hour), at(30 * day)]), now)
    expect(features).toMatchObject({ count_1h: 2, count_24h: 3.5, count_30d: Math.fround(4 + (1 - 0.5 / 24)) })
  })

  test('see a transaction that came late, and from a time before the newest one what had happened by then', () => {
    const state = stateOf([{ time: now, card: 1 }])
    addTransaction(state, now - 5 * hour, 2)
    expect(featuresOf(state, now)).toMatchObject({ count_1h: 1, count_24h: 2 })
    expect(featuresOf(state, now - 2 * hour)).toMatchObject({ count_1h: 0, count_24h: 1 })
  })

  test('follow a run of frauds, and forget it when its labels were wrong', () => {
    const state = stateOf([
      ...Array.from({ length: 80 }, (_, i) => ({ time: now - (i % 20) * day, card: i })),
      { kind: 'fraud', time: now - 6 * day, delta: 1 },
      { kind: 'genuine', time: now - 7 * day, delta: 1 },
      { kind: 'genuine', time: now - 3 * day, delta: 1 },
      { kind: 'fraud', time: now - 2 * day, delta: 1 },
    ])
    const share = (2 + 0.2) / (80 + 20)
    const run = { frauds_30d: 2, since_first_fraud: 6, since_last_fraud: 2, genuine_since: 1, fraud_share: Math.fround(share) }
    expect(featuresOf(state, now)).toMatchObject(run)
    addLabel(state, 'fraud', now - 6 * day, -1)
    addLabel(state, 'fraud', now - 2 * day, -1)
    expect(featuresOf(state, now)).toMatchObject({ frauds_30d: 0, since_first_fraud: 31, since_last_fraud: 31, genuine_since: 0 })
  })
})
