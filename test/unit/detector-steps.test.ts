import { expect, test } from 'vitest'
import type { Decided, Raw } from '../../services/detector/batch.ts'
import { contentHash } from '../../services/detector/content-hash.ts'
import { isSampled } from '../../services/detector/decide.ts'
import { alertId, messagesOf } from '../../services/detector/messages.ts'
import { requestsOf } from '../../services/detector/publish.ts'
import { createRates, dateNumber } from '../../services/detector/state/rates.ts'
import type { Alert, DeadLetter, Decision, Transaction } from '../../services/shared/events.ts'
import { deadLetterMessage } from '../../services/shared/kafka/dead-letters.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { decodeChallengers, encodeChallengers } from '../../services/shared/tidb/row-bytes.ts'
import { actionOf } from '../../services/shared/tidb/settings.ts'

const base: Transaction = {
  id: 't-1',
  tenant: 'bank',
  kind: 'authorization',
  instrument: 'card-1',
  customer: 'c-1',
  direction: 'debit',
  amount: 1250,
  currency: 'EUR',
  time: '2026-03-01T12:00:00Z',
}
const hashOf = (t: Transaction) => contentHash(t, Date.parse(t.time)).toString('hex')

test('the content hash tells content from its way of writing', () => {
  const extra = { a: 1, b: 'x' }
  expect(hashOf({ ...base, time: '2026-03-01T13:00:00+01:00', extra })).toBe(hashOf({ extra: { b: 'x', a: 1 }, ...base }))
  const changes: Partial<Transaction>[] = [
    { id: 't-2' },
    { kind: 'refund' },
    { originalId: 'o' },
    { instrument: 'card-2' },
    { last4: '1234' },
    { customer: 'c-2' },
    { direction: 'credit' },
    { counterparty: 'x' },
    { counterpartyName: 'x' },
    { category: 'x' },
    { amount: 1251 },
    { currency: 'USD' },
    { time: '2026-03-01T12:00:00.001Z' },
    { entryMode: 'chip' },
    { channel: 'pos' },
    { device: 'x' },
    { ip: '10.0.0.1' },
    { place: { lat: 1, lon: 2 } },
    { country: 'DE' },
    { response: 'approved' },
    { extra: { a: 1 } },
    { extra: { a: '1' } },
  ]
  const hashes = [base, ...changes.map((change) => ({ ...base, ...change }))].map(hashOf)
  expect(new Set(hashes).size).toBe(hashes.length)
})

test('a score gets the strictest action whose threshold it reaches', () => {
  const thresholds = { challenge: 0.2, review: 0.5, decline: 0.9 }
  expect([0, 0.2, 0.5, 0.899999, 0.9, 1].map((score) => actionOf(score, thresholds))).toEqual([
    'approve',
    'challenge',
    'review',
    'review',
    'decline',
    'decline',
  ])
  const [low, high] = [Buffer.alloc(16, 0), Buffer.alloc(16, 0xff)]
  expect([isSampled(low, 0), isSampled(low, 0.01), isSampled(high, 0.99), isSampled(high, 1)]).toEqual([false, true, false, true])
})

const ratesOf = async (rows: object[]) => {
  const rates = createRates({ query: async () => rows } as unknown as Database)
  await rates.refresh()
  return rates
}

test('amounts are converted by the last rate on or before their day, between currencies of any exponent', async () => {
  const rates = await ratesOf([
    { base: 'EUR', currency: 'JPY', date: 20260101, rate: '0.006' },
    { base: 'EUR', currency: 'USD', date: 20260101, rate: '0.9' },
    { base: 'EUR', currency: 'USD', date: 20260105, rate: '0.8' },
  ])
  const on = (day: string) => Date.parse(`${day}T23:59:59Z`)
  expect(rates.convert(100, 'USD', 'EUR', on('2026-01-04'))).toEqual({ amount: 90, date: 20260101 })
  expect(rates.convert(100, 'USD', 'EUR', on('2026-01-05'))).toEqual({ amount: 80, date: 20260105 })
  expect(rates.convert(100, 'USD', 'EUR', on('2025-12-31'))).toBeUndefined()
  expect(rates.convert(1000, 'JPY', 'EUR', on('2026-02-01'))).toEqual({ amount: 600, date: 20260101 })
  expect(rates.convert(7, 'EUR', 'EUR', 0)).toEqual({ amount: 7, date: null })
  expect(rates.convert(7, 'CHF', 'EUR', on('2026-02-01'))).toBeUndefined()
  expect(dateNumber(Date.parse('2026-01-31T23:30:00-01:00'))).toBe(20260201)
})

const raw: Raw = {
  tenant: 'bank',
  topic: 'transactions',
  partition: 3,
  log: 0,
  offset: 42,
  received: 1,
  key: Buffer.from('k'),
  value: Buffer.from(JSON.stringify(base)),
}
const decided: Decided = {
  raw,
  customer: 'c-1',
  time: Date.parse(base.time),
  id: 't-1',
  transaction: base,
  contentHash: Buffer.alloc(16),
  baseAmount: 1250,
  rateDate: null,
  applied: { outcomes: 0, parties: 0 },
  features: Buffer.alloc(4),
  score: 0.95,
  action: 3,
  alert: true,
  sampled: false,
  sampleProbability: 1,
  reasons: [{ code: 'amount', text: 'far more than usual' }],
  challengers: encodeChallengers([{ version: 7, scores: [0.1] }], 0),
  model: 1,
  policy: 2,
  backend: 0,
  decided: 1_700_000_000_000,
}

test('what models in shadow scored fits into the row, and one that gave no number is left out', () => {
  const three = [
    { version: 4_294_967_295, scores: Float64Array.of(0.1, 1e-6) },
    { version: 2, scores: Float32Array.of(Number.NaN, 0.5) },
    { version: 3, scores: [1, 0] },
  ]
  const [first, second] = [encodeChallengers(three, 0), encodeChallengers(three, 1)]
  expect(first.length).toBe(24)
  expect(second.length).toBe(36)
  expect(decodeChallengers(first)).toEqual([
    { version: 4_294_967_295, score: 0.1 },
    { version: 3, score: 1 },
  ])
  expect(decodeChallengers(second).map(({ score }) => score)).toEqual([1e-6, 0.5, 0])
  expect(decodeChallengers(encodeChallengers([], 0))).toEqual([])
  expect(decodeChallengers(encodeChallengers([three[1]], 0))).toEqual([])
  expect(decodeChallengers(null)).toEqual([])
})

test('a row becomes the same messages whenever it is read, and an alert only where there is one', () => {
  const messages = messagesOf('bank', decided)
  expect(messages).toEqual(messagesOf('bank', { ...decided, raw: { ...raw, key: null, value: null } }))
  expect(messages.map((m) => [m.topic, m.key])).toEqual([
    ['assay.bank.decisions', 'bank:c-1'],
    ['assay.bank.alerts', 'bank:c-1'],
  ])
  expect(JSON.parse(messages[0].value as string) as Decision).toMatchObject({ id: 't-1', action: 'decline', model: 1, policy: 2 })
  expect(JSON.parse(messages[1].value as string) as Alert).toMatchObject({ id: alertId('bank', 't-1'), transaction: 't-1', amount: 1250 })
  expect(messagesOf('bank', { ...decided, alert: false })).toHaveLength(1)
})

test('a dead letter says where it lay, and leaves out what Kafka would refuse', () => {
  const letter = (value: Buffer | null) => JSON.parse(deadLetterMessage(raw, 'not_json', 'why', value, 0).value as string) as DeadLetter
  expect(letter(Buffer.from('{'))).toEqual({
    tenant: 'bank',
    topic: 'assay.bank.transactions',
    partition: 3,
    offset: '42',
    reason: 'not_json',
    detail: 'why',
    recordedAt: '1970-01-01T00:00:00.000Z',
    key: Buffer.from('k').toString('base64'),
    value: Buffer.from('{').toString('base64'),
  })
  expect(letter(null).value).toBeNull()
  expect(letter(Buffer.alloc(1_400_001)).value).toBeNull()
  expect(Buffer.byteLength(JSON.stringify(letter(Buffer.alloc(1_400_000))))).toBeLessThan(2_000_000)
})

test('what goes out is cut into requests in order, none too large unless one record is', () => {
  const of = (...sizes: number[]) => sizes.map((size, i) => ({ topic: 't', key: '', value: String(i).padEnd(size) }))
  const sizes = requestsOf(of(400, 400, 5000, 10, 10), 1000).map((request) => request.map((r) => r.value.length))
  expect(sizes).toEqual([[400, 400], [5000], [10, 10]])
  expect(requestsOf([])).toEqual([[]])
})
