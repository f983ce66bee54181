import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { latOf, lonOf, packPlace } from '../../models/entry.ts'
import { featureNames, indexOf, width } from '../../models/features.ts'
import { distance, entryOf, hashOf, mostEntries, Profile } from '../../models/profile.ts'
import type { Transaction } from '../../services/shared/events.ts'
import { slowFeatures } from '../helpers/slow-features.ts'

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

type Case = { transaction: Transaction; time: number }

const transactions: fc.Arbitrary<Case> = fc.record({
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
      instrument: fc.constant('card'),
      direction: fc.constantFrom('debit', 'credit'),
      amount: fc.oneof(fc.integer({ min: 0, max: 50_000 }), fc.integer({ min: 0, max: 1e13 })),
      currency: fc.constant('EUR'),
      time: fc.constant('2026-03-02T12:00:00Z'),
      originalId: fc.constantFrom('o1', 'o2'),
      counterparty: fc.constantFrom('m1', 'm2', 'm3', 'm4'),
      category: fc.constantFrom('5411', '5812', '4111'),
      device: fc.constantFrom('d1', 'd2'),
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
const customers = fc.record({
  lat: fc.option(fc.double({ min: -90, max: 90, noNaN: true })),
  lon: fc.option(fc.double({ min: -180, max: 180, noNaN: true })),
  zone: fc.constantFrom(null, 'UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'No/Where'),
  opened: fc.option(fc.integer({ min: noon - 5000 * day, max: noon + day })),
})

const entryFor = (c: Case) => entryOf(c.transaction, c.transaction.amount, c.time)
function folded(profile: Profile, c: Case): Float32Array {
  const out = new Float32Array(width).fill(Number.NaN)
  profile.fold(entryFor(c), out, 0)
  return out
}
const featureOf = (vector: Float32Array, name: string) => vector[indexOf(name)]

describe('a profile', () => {
  it('gives what a slow, obvious fold over the whole history gives, for any order of arrival', () => {
    fc.assert(
      fc.property(
        histories,
        customers,
        fc.array(fc.integer({ min: noon - 2 * day, max: noon }), { maxLength: 5 }),
        (history, customer, declines) => {
          const profile = new Profile()
          profile.setCustomer(customer)
          declines.forEach((t, i) => {
            profile.addOutcome(t, 'declined', `o${i}`)
          })
          const arrived: Case[] = []
          for (const c of history) {
            expect([...folded(profile, c)]).toEqual([...slowFeatures(c, arrived, customer, declines)])
            profile.insert(entryFor(c))
            arrived.push(c)
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  it('is the same bit for bit after a reload, whatever order its transactions came in', () => {
    fc.assert(
      fc.property(histories, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), customers, (history, random, customer) => {
        const before = new Profile()
        for (const c of history) before.insert(entryFor(c))
        before.setCustomer(customer)
        const keyed = history.map((c) => ({ c, at: random.next().value as number })).sort((a, b) => a.at - b.at)
        const after = new Profile()
        after.setCustomer(customer)
        for (const { c } of keyed) after.insert(entryFor(c))
        for (const c of history) expect(Buffer.from(folded(after, c).buffer).equals(Buffer.from(folded(before, c).buffer))).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  it('holds 100 transactions in less than 3 kB, and writes every feature as a finite number', () => {
    const profile = new Profile()
    for (let i = 0; i < 100; i++) profile.insert(entryFor({ transaction: payment({ amount: i }), time: noon - i * hour }))
    expect(profile.size).toBe(100)
    expect(profile.bytes).toBeLessThan(3072)
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
    profile.addOutcome(noon, 'declined', 'a')
    profile.addOutcome(noon, 'declined', 'a')
    profile.addOutcome(noon + 1, 'blocked', 'b')
    profile.addOutcome(noon, 'approved', 'c')
    const at = (time: number) => featureOf(folded(profile, { transaction: payment(), time }), 'declined_outcomes_24h')
    expect([at(noon - 1), at(noon), at(noon + 1), at(noon + day), at(noon + day + 1)]).toEqual([0, 1, 2, 1, 0])
  })

  it('tells night by the zone of the home, over the change to summer time', () => {
    const profile = new Profile()
    profile.setCustomer({ lat: null, lon: null, zone: 'Europe/Berlin', opened: null })
    const night = (iso: string) => featureOf(folded(profile, { transaction: payment(), time: Date.parse(iso) }), 'night')
    expect(night('2026-03-28T04:30:00Z')).toBe(1)
    expect(night('2026-03-29T04:30:00Z')).toBe(0)
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
    const out = new Float32Array(width * 3).fill(7)
    new Profile().fold(entryFor({ transaction: payment(), time: noon }), out, width)
    expect([...out.subarray(0, width), ...out.subarray(2 * width)].every((x) => x === 7)).toBe(true)
    expect(out.subarray(width, 2 * width)).toHaveLength(featureNames.length)
  })
})
