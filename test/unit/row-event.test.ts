import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contentHash } from '../../services/detector/content-hash.ts'
import { channels, customerOf, directions, entryModes, kinds, responses, type Transaction } from '../../services/shared/events.ts'
import { decodeEvent, encodeEvent } from '../../services/shared/tidb/row-event.ts'
import { anyText } from '../helpers/text.ts'

const full: Transaction = {
  id: 't-1',
  tenant: 'bank',
  kind: 'refund',
  originalId: 't-0',
  instrument: 'card-1',
  last4: '0042',
  customer: 'c-1',
  direction: 'credit',
  counterparty: 'shop-1',
  counterpartyName: 'Bäckerei “Zum Eck”',
  category: '5411',
  amount: 1250,
  currency: 'EUR',
  time: '2026-03-01T12:30:00.250Z',
  entryMode: 'contactless',
  channel: 'pos',
  device: 'd-1',
  ip: '192.0.2.17',
  place: { lat: 0, lon: -16.37 },
  country: 'AT',
  response: 'declined',
  extra: { note: 'x', hour: 7, known: false },
}

/** What comes back of a row with it. */
function back(t: Transaction): Transaction {
  const time = Date.parse(t.time)
  return decodeEvent({ tenant: t.tenant, customer: customerOf(t), id: t.id, time, event: Buffer.from(encodeEvent(t, time)) })
}

test('an event comes back from its row as it was, in a third of the bytes of its JSON', () => {
  expect(back(full)).toEqual(full)
  const { originalId: _, extra: __, ...usual } = full
  expect(encodeEvent(usual, Date.parse(usual.time)).length).toBeLessThan(JSON.stringify(usual).length / 2.5)
})

test('rows of earlier versions hold the JSON that the bank sent', () => {
  const event = Buffer.from(JSON.stringify(full))
  expect(decodeEvent({ tenant: 'bank', customer: 'c-1', id: 't-1', time: 0, event })).toEqual(full)
})

test.each([
  '2026-03-01T12:30:00Z',
  '2026-03-01T12:30:00.000Z',
  '2026-03-01T12:30:00.25Z',
  '2026-03-01T12:30:00.123456789Z',
  '2026-03-01T13:30:00+01:00',
  '2026-03-01T24:00:00Z',
  '2026-03-01T24:00:00.000Z',
  '2026-02-30T12:30:00.250Z',
])('a time keeps its text: %s', (time) => {
  expect(back({ ...full, time }).time).toBe(time)
})

test('every event that the schema allows comes back, and its hash with it', () => {
  const token = fc.stringMatching(/^[!-~]{1,64}$/)
  const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined })
  const events = fc
    .record({
      id: token,
      kind: fc.constantFrom(...kinds),
      originalId: maybe(token),
      instrument: token,
      last4: maybe(fc.stringMatching(/^\d{4}$/)),
      customer: maybe(token),
      direction: fc.constantFrom(...directions),
      counterparty: maybe(token),
      counterpartyName: maybe(anyText({ minLength: 1, maxLength: 140 })),
      category: maybe(fc.stringMatching(/^[!-~]{1,16}$/)),
      amount: fc.nat(),
      time: fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }).map((d) => d.toISOString()),
      entryMode: maybe(fc.constantFrom(...entryModes)),
      channel: maybe(fc.constantFrom(...channels)),
      device: maybe(token),
      ip: maybe(fc.constant('2001:db8::1')),
      place: maybe(fc.record({ lat: fc.integer({ min: -90, max: 90 }), lon: fc.float({ noNaN: true, min: -180, max: 180 }) })),
      country: maybe(fc.stringMatching(/^[A-Z]{2}$/)),
      response: maybe(fc.constantFrom(...responses)),
      extra: maybe(fc.dictionary(token, fc.oneof(fc.string(), fc.integer(), fc.boolean()), { noNullPrototype: true })),
    })
    // As it is parsed: without what is missing.
    .map((parts) => JSON.parse(JSON.stringify({ ...parts, tenant: 'bank', currency: 'USD' })) as Transaction)
  fc.assert(
    fc.property(events, (event) => {
      const again = back(event)
      expect(again).toEqual(event)
      const time = Date.parse(event.time)
      expect(contentHash(again, time)).toEqual(contentHash(event, time))
    }),
    { numRuns: 200 },
  )
})
