import fc from 'fast-check'
import { expect, test } from 'vitest'
import { writeRates } from '../../infra/commands/rates.ts'
import { differences, verify } from '../../infra/verify.ts'
import type { Input } from '../../services/detector/batch.ts'
import {
  channels,
  dispositions,
  entryModes,
  kinds,
  labelSources,
  outcomeResults,
  tenantTopic,
  topics,
} from '../../services/shared/events.ts'
import { bank, detector, progressOf, rows } from '../helpers/bank.ts'
import { eventually } from '../helpers/servers.ts'
import { anyText } from '../helpers/text.ts'

const token = (most = 64) =>
  fc.oneof(
    fc.constantFrom('a', '0', '~'.repeat(most), "'", '\\', '%_', '{}', '__proto__', 'null'),
    fc.stringMatching(new RegExp(`^[!-~]{1,${most}}$`)),
  )
const few = (most?: number) => fc.oneof({ weight: 3, arbitrary: fc.constantFrom('one', 'two', 'three') }, token(most))
const text = (most: number) =>
  fc.oneof(
    fc.constantFrom('\u0000', '\ud800', '😀'.repeat(most), 'e\u0301'.repeat(most / 2), '\u202e', "'; --", '\\'),
    anyText({ minLength: 1, maxLength: most }),
  )
const near = fc.integer({ min: -32 * 86_400, max: 3600 }).map((s) => new Date(Date.now() + s * 1000).toISOString())
const instant = fc.oneof(
  { weight: 3, arbitrary: near },
  fc.constantFrom(
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999999999-23:59',
    '1970-01-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-03-29T02:30:00+01:00',
  ),
)
const minor = fc.oneof(fc.constantFrom(0, 1, 99_999_999_999, 1_000_000_000_000_000), fc.integer({ min: 0, max: 1_000_000 }))
const place = fc.record({
  lat: fc.oneof(fc.constantFrom(-90, 90, 0, -0, 5e-324), fc.double({ min: -90, max: 90, noNaN: true })),
  lon: fc.oneof(fc.constantFrom(-180, 180, 0, -0), fc.double({ min: -180, max: 180, noNaN: true })),
})
const currency = fc.constantFrom('EUR', 'USD', 'XTS', 'JPY', 'KWD')
const country = fc.constantFrom('DE', 'ZZ', 'AA')

/** What each topic's schema lets through, its edges more often than the rest. */
const events: Record<Input, (tenant: string) => fc.Arbitrary<object>> = {
  transactions: (tenant) =>
    fc.record(
      {
        id: fc.oneof({ weight: 9, arbitrary: fc.nat(5000).map(String) }, few()),
        tenant: fc.constant(tenant),
        kind: fc.constantFrom(...kinds),
        originalId: few(),
        instrument: few(),
        last4: fc.stringMatching(/^\d{4}$/),
        customer: few(),
        direction: fc.constantFrom('debit', 'credit'),
        counterparty: few(),
        counterpartyName: text(140),
        category: token(16),
        amount: minor,
        currency,
        time: instant,
        entryMode: fc.constantFrom(...entryModes),
        channel: fc.constantFrom(...channels),
        device: few(),
        ip: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('::', '.'.repeat(45))),
        place,
        country,
        response: fc.constantFrom('approved', 'declined'),
        extra: fc.dictionary(token(), fc.oneof(text(500), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean())),
      },
      { requiredKeys: ['id', 'tenant', 'kind', 'instrument', 'direction', 'amount', 'currency', 'time'] },
    ),
  outcomes: (tenant) =>
    fc.record(
      {
        id: few(),
        tenant: fc.constant(tenant),
        customer: few(),
        transaction: few(),
        result: fc.constantFrom(...outcomeResults),
        reason: text(140),
        happenedAt: instant,
      },
      { requiredKeys: ['id', 'tenant', 'customer', 'transaction', 'result', 'happenedAt'] },
    ),
  parties: (tenant) =>
    fc.record(
      {
        tenant: fc.constant(tenant),
        customer: few(),
        instrument: few(),
        validFrom: instant,
        home: place,
        country,
        zone: fc.constantFrom('Europe/Berlin', 'Nowhere/At_all', '+05:30', 'UTC', 'A'.repeat(64)),
        opened: instant,
        type: fc.constantFrom('card', 'account', 'wallet'),
        limit: minor,
        currency,
      },
      { requiredKeys: ['tenant', 'customer', 'validFrom'] },
    ),
  labels: (tenant) =>
    fc.record(
      {
        id: fc.uuid(),
        tenant: fc.constant(tenant),
        transaction: fc.oneof({ weight: 9, arbitrary: fc.nat(5000).map(String) }, few()),
        value: fc.constantFrom(...dispositions),
        source: fc.constantFrom(...labelSources),
        happenedAt: instant,
        knownAt: instant,
        supersedes: few(),
        by: text(64),
        note: text(2000),
      },
      { requiredKeys: ['id', 'tenant', 'transaction', 'value', 'source', 'happenedAt', 'knownAt'] },
    ),
}

const each = 1000

test('nothing that a schema lets through stops a partition: all of it is taken in or a dead letter, and what is decided comes out again', async () => {
  const b = await bank({ limits: { maxAgeDays: 30, maxAheadMinutes: 10, maxAmount: 1_000_000_000_000_000 } })
  await writeRates(b.database, [
    { base: 'EUR', currency: 'USD', date: '2020-01-01', rate: '0.9' },
    { base: 'EUR', currency: 'XTS', date: '2020-01-01', rate: '900000000000' },
  ])
  const inputs = Object.keys(events) as Input[]
  const records = inputs.flatMap((topic) =>
    fc.sample(events[topic](b.name), { seed: 7, numRuns: each }).map((event) => ({
      topic: tenantTopic(b.name, topic),
      key: (topics[topic].key as (e: unknown) => string)(event),
      value: JSON.stringify(event),
    })),
  )
  // Topic by topic would be batch by batch.
  const shuffled = records.map((_, i) => records[(i * 601) % records.length])
  await b.bus.send(shuffled)
  const service = await detector(b.config)
  await eventually('all outcomes', async () => {
    const sums = await Promise.all(inputs.map((topic) => progressOf(b, topic)))
    // Labels that waited for their transaction come once more.
    return sums.every((sum) => sum >= each)
  })
  expect(service.health()).toEqual({ ready: true, problems: [] })
  const reasons = await rows<{ reason: string; n: number }>(
    b,
    'SELECT reason, COUNT(*) AS n FROM dead_letters WHERE tenant = ? GROUP BY reason ORDER BY reason',
  )
  expect(reasons.map((r) => r.reason)).toEqual(
    expect.arrayContaining(['absurd_amount', 'clock_ahead', 'id_conflict', 'no_rate', 'too_old']),
  )
  const verified = await verify(b.database, { from: 0, to: Date.now() + 86_400_000, tenant: b.name })
  expect(verified.checked).toBeGreaterThan(20)
  expect(differences(verified)).toBe(0)
})
