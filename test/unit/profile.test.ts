import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Distinct } from '../../models/fold/distinct.ts'
import { entryOf, hashOf, latOf, lonOf, packPlace } from '../../models/fold/entry.ts'
import { featureNames, indexOf, ownWidth } from '../../models/fold/features.ts'
import { mostEntries } from '../../models/fold/history.ts'
import type { CustomerFacts } from '../../models/fold/parties.ts'
import { distance } from '../../models/fold/places.ts'
import { Profile } from '../../models/fold/profile.ts'
import type { Transaction } from '../../services/shared/events.ts'
import { type Item, slowFeatures, type Told } from '../helpers/slow-features.ts'

const range = (n: number) => Array.from({ length: n }, (_, i) => i)
const noon = Date.UTC(2026, 2, 2, 12)
const hour = 3_600_000
const day = 24 * hour

let serial = 0
const payment = (over: Partial<Transaction> = {}): Transaction => ({
  id: `t${serial++}`,
  tenant: 'bank',
  kind: 'authorization',
  instrument: 'card',
  direction: 'debit',
  amount: 1000,
  currency: 'EUR',
  time: '2026-03-02T12:00:00Z',
  ...over,
})

const transactions: fc.Arbitrary<Item> = fc.record({
  time: fc.oneof(
    fc.integer({ min: noon - 40 * day, max: noon }),
    // Equal times, and times exactly a window before.
    fc.constantFrom(noon, noon - hour, noon - day, noon - 7 * day, noon - 30 * day, noon - 30 * day + 1),
  ),
  transaction: fc.record(
    {
      id: fc.stringMatching(/^[a-z0-9]{6,10}$/),
      tenant: fc.constant('bank'),
      kind: fc.constantFrom('authorization', 'capture', 'transfer', 'refund', 'reversal', 'adjustment'),
      instrument: fc.constantFrom('card', 'other', 'third'),
      direction: fc.constantFrom('debit', 'credit'),
      amount: fc.oneof(
        fc.integer({ min: 0, max: 50_000 }),
        fc.constantFrom(1000, 995, 4800, 5000, 9999, 120_000),
        fc.integer({ min: 0, max: 1e13 }),
      ),
      currency: fc.constant('EUR'),
      time: fc.constant('2026-03-02T12:00:00Z'),
      originalId: fc.constantFrom('o1', 'o2'),
      counterparty: fc.constantFrom('m1', 'm2', 'm3', 'm4'),
      category: fc.constantFrom('5411', '5812', '4111'),
      device: fc.constantFrom('d1', 'd2'),
      ip: fc.constantFrom('10.0.0.1', '10.0.0.2'),
      country: fc.constantFrom('DE', 'FR', 'AA', 'ZZ'),
      channel: fc.constantFrom('pos', 'ecommerce', 'atm', 'other'),
      entryMode: fc.constantFrom('chip', 'manual'),
      response: fc.constantFrom('approved', 'declined'),
      place: fc.record({ lat: fc.double({ min: -90, max: 90, noNaN: true }), lon: fc.double({ min: -180, max: 180, noNaN: true }) }),
    },
    { requiredKeys: ['id', 'tenant', 'kind', 'instrument', 'direction', 'amount', 'currency', 'time'] },
  ) as fc.Arbitrary<Transaction>,
})

const histories = fc.uniqueArray(transactions, { selector: (c) => hashOf(c.transaction.id), maxLength: 60 })
const degrees = (most: number) => fc.option(fc.double({ min: -most, max: most, noNaN: true }))
const parties: fc.Arbitrary<CustomerFacts> = fc.record({
  validFrom: fc.oneof(fc.constantFrom(noon - 90 * day, noon - 20 * day, noon - day), fc.integer({ min: noon - 40 * day, max: noon })),
  lat: degrees(90),
  lon: degrees(180),
  zone: fc.constantFrom(null, 'UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'No/Where'),
  opened: fc.option(fc.integer({ min: noon - 5000 * day, max: noon + day })),
})
const outcomes: fc.Arbitrary<Told> = fc
  .record({
    happened: fc.oneof(fc.constantFrom(noon - day, noon - 2 * day), fc.integer({ min: noon - 35 * day, max: noon })),
    result: fc.constantFrom('declined', 'approved'),
    id: fc.constantFrom('o1', 'o2', 'o3', 'o4'),
  })
  .map((o) => ({ ...o, known: o.happened + 1000 }))

/** What one customer's partition brings, in the order of the log. */
type Record = { item: Item } | { party: CustomerFacts } | { told: Told }
const logs: fc.Arbitrary<Record[]> = fc
  .tuple(histories, fc.array(parties, { maxLength: 4 }), fc.array(outcomes, { maxLength: 8 }))
  .chain(([history, versions, told]) =>
    fc.shuffledSubarray(
      [...history.map((item) => ({ item })), ...versions.map((party) => ({ party })), ...told.map((t) => ({ told: t }))] as Record[],
      { minLength: history.length + versions.length + told.length },
    ),
  )
const take = (profile: Profile, r: Record) => {
  if ('item' in r) profile.insert(entryFor(r.item))
  else if ('party' in r) profile.addParty(r.party)
  else profile.addOutcome(r.told.happened, r.told.known, r.told.result, r.told.id)
}

const entryFor = (c: Item) => entryOf(c.transaction, c.transaction.amount, c.time)
function folded(profile: Profile, c: Item): Float32Array {
  const out = new Float32Array(ownWidth).fill(Number.NaN)
  profile.fold(entryFor(c), out, 0)
  return out
}
const named = (vector: ArrayLike<number>) =>
  featureNames
    .slice(0, ownWidth)
    .map((name, i) => `${name} ${vector[i]}`)
    .join('\n')
const featureOf = (vector: Float32Array, name: string) => vector[indexOf(name)]

describe('a profile', () => {
  it('gives what a slow, obvious fold over the whole history gives, for any order of arrival', () => {
    fc.assert(
      fc.property(logs, (log) => {
        const profile = new Profile()
        const items: Item[] = []
        const versions: CustomerFacts[] = []
        const told: Told[] = []
        for (const r of log) {
          if ('item' in r) {
            expect(named(folded(profile, r.item))).toBe(named(slowFeatures(r.item, items, versions, told)))
            items.push(r.item)
          } else if ('party' in r) versions.push(r.party)
          else told.push(r.told)
          take(profile, r)
        }
      }),
      { numRuns: 150 },
    )
  })

  it('is the same bit for bit after a reload, whatever order its records came in', () => {
    fc.assert(
      fc.property(logs, (log) => {
        const before = new Profile()
        for (const r of log) take(before, r)
        // As a reload reads them: versions in the order of the log, the rest as the tables have them.
        const after = new Profile()
        for (const r of log) if ('party' in r) take(after, r)
        for (const r of log.toReversed()) if ('told' in r) take(after, r)
        const items = log.flatMap((r) => ('item' in r ? [r.item] : []))
        after.reserve(items.length)
        for (const item of items.toSorted((a, b) => a.time - b.time)) after.insert(entryFor(item))
        for (const item of items)
          expect(Buffer.from(folded(after, item).buffer).equals(Buffer.from(folded(before, item).buffer))).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  it('holds 100 transactions in 3 kB more than none, and writes every feature as a finite number', () => {
    const profile = new Profile()
    for (let i = 0; i < 100; i++) profile.insert(entryFor({ transaction: payment({ amount: i }), time: noon - i * hour }))
    expect(profile.size).toBe(100)
    expect(profile.bytes - new Profile().bytes).toBeLessThan(3000)
    expect([...folded(profile, { transaction: payment(), time: noon + 1 })].every(Number.isFinite)).toBe(true)
  })

  it('keeps the newest when a customer has more than the bound, whatever order they came in', () => {
    const cases = Array.from({ length: mostEntries + 200 }, (_, i) => ({ transaction: payment(), time: noon + i * 1000 }))
    const inOrder = new Profile()
    const reversed = new Profile()
    for (const c of cases) inOrder.insert(entryFor(c))
    for (const c of [...cases].reverse()) reversed.insert(entryFor(c))
    const next = { transaction: payment(), time: noon + 2000 * 1000 }
    expect(inOrder.size).toBe(mostEntries)
    expect(featureOf(folded(inOrder, next), 'count_30d')).toBe(mostEntries + 1)
    expect([...folded(reversed, next)]).toEqual([...folded(inOrder, next)])
  })

  it('lets go of what no feature can need, also when a still older one comes in', () => {
    const profile = new Profile()
    for (let i = 0; i < 8; i++) profile.insert(entryFor({ transaction: payment(), time: noon - 100 * day + i }))
    for (let i = 0; i < 8; i++) profile.insert(entryFor({ transaction: payment(), time: noon + i }))
    profile.insert(entryFor({ transaction: payment(), time: noon - 200 * day }))
    expect(featureOf(folded(profile, { transaction: payment(), time: noon + 9 }), 'count_30d')).toBe(9)
  })

  it('takes a transaction once, remembers its id, and tells others', () => {
    const profile = new Profile()
    const c = { transaction: payment({ id: 'once' }), time: noon }
    profile.insert(entryFor(c))
    profile.insert(entryFor(c))
    expect(profile.size).toBe(1)
    expect(profile.has('once')).toBe(true)
    expect(profile.has('other')).toBe(false)
  })

  it('counts an outcome once, from when it was known, and only if it was a decline', () => {
    const profile = new Profile()
    profile.addOutcome(noon - hour, noon, 'declined', 'a')
    profile.addOutcome(noon - hour, noon + hour, 'declined', 'a')
    profile.addOutcome(noon - hour, noon + 1, 'blocked', 'b')
    profile.addOutcome(noon - hour, noon, 'approved', 'c')
    profile.addOutcome(noon - 100 * day, noon, 'declined', 'long ago')
    const at = (time: number) => featureOf(folded(profile, { transaction: payment(), time }), 'declined_outcomes_24h')
    expect([at(noon - 1), at(noon), at(noon + 1), at(noon + day), at(noon + day + 1)]).toEqual([0, 1, 2, 1, 0])
  })

  it('keeps the newest declines when there are more than it holds, whatever order they came in', () => {
    const told = Array.from({ length: 1200 }, (_, i) => ({ happened: noon + i, id: `o${i}` }))
    const [inOrder, reversed] = [new Profile(), new Profile()]
    for (const { happened, id } of told) inOrder.addOutcome(happened, happened + 5, 'declined', id)
    for (const { happened, id } of told.toReversed()) reversed.addOutcome(happened, happened + 5, 'declined', id)
    for (const profile of [inOrder, reversed])
      expect(featureOf(folded(profile, { transaction: payment(), time: noon + hour }), 'declined_outcomes_24h')).toBe(1000)
  })

  it('tells night by the zone of the home, over the change to summer time', () => {
    const profile = new Profile()
    profile.addParty({ validFrom: 0, lat: null, lon: null, zone: 'Europe/Berlin', opened: null })
    const night = (iso: string) => featureOf(folded(profile, { transaction: payment(), time: Date.parse(iso) }), 'night')
    expect(night('2026-03-28T04:30:00Z')).toBe(1)
    expect(night('2026-03-29T04:30:00Z')).toBe(0)
  })

  it('counts different values again and again, few and many, each once', () => {
    const counting = new Distinct(100)
    for (const values of [range(20), range(3), range(20), [...range(50), ...range(50)], range(9)]) {
      counting.start()
      expect(values.reduce((sum, value) => sum + counting.add(value), 0)).toBe(new Set(values).size)
    }
  })

  it('takes the home that held at the time of the transaction, not the one that is known since', () => {
    const profile = new Profile()
    profile.addParty({ validFrom: noon, lat: 0, lon: 0, zone: null, opened: null })
    profile.addParty({ validFrom: noon + day, lat: 0, lon: 90, zone: null, opened: null })
    const km = (time: number) =>
      Math.round(featureOf(folded(profile, { transaction: payment({ place: { lat: 0, lon: 0 } }), time }), 'home_distance'))
    expect([km(noon - day), km(noon), km(noon + day - 1)]).toEqual([0, 0, 0])
    expect(km(noon + day)).toBeGreaterThan(10_000)
  })

  it('knows a place to half a kilometre', () => {
    fc.assert(
      fc.property(fc.double({ min: -89, max: 89, noNaN: true }), fc.double({ min: -180, max: 180, noNaN: true }), (lat, lon) => {
        const packed = packPlace(lat, lon)
        expect(distance(lat, lon, latOf(packed), lonOf(packed))).toBeLessThan(0.5)
      }),
    )
  })

  it('writes a vector at its place and nowhere else', () => {
    const out = new Float32Array(ownWidth * 3).fill(Number.NaN)
    new Profile().fold(entryFor({ transaction: payment(), time: noon }), out, ownWidth)
    expect([...out.subarray(0, ownWidth), ...out.subarray(2 * ownWidth)].every(Number.isNaN)).toBe(true)
    expect([...out.subarray(ownWidth, 2 * ownWidth)].some(Number.isNaN)).toBe(false)
  })
})
