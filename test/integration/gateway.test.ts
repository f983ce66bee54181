/** The gateway on real servers: what comes in over HTTP lies in Kafka, and what is wrong is refused with its reasons. */
import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createGateway, type Gateway } from '../../services/gateway/service.ts'
import { type TenantTopic, type Transaction, tenantTopic } from '../../services/shared/events.ts'
import { addApiKey, revokeApiKey } from '../../services/shared/http/auth.ts'
import type { Bus } from '../../services/shared/kafka/bus.ts'
import { partitionOf } from '../../services/shared/kafka/kafkajs.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { dropDatabase, eventually, testBus, testConfig, testDatabase, testTelemetry, testTenant, unique } from '../helpers/servers.ts'
import { collect, valuesOf } from '../helpers/topics.ts'

const config = testConfig()
const visa = '4111111111111111'
let database: Database
let bus: Bus
let gateway: Gateway
let tenant: string
let key: string

beforeAll(async () => {
  database = await testDatabase(config, { keep: true })
  bus = await testBus(config, { keep: true })
  gateway = createGateway(config, testTelemetry())
  await gateway.start()
})
afterAll(async () => {
  await gateway.stop()
  await bus.stop()
  await dropDatabase(config, database)
})
async function newBank(): Promise<void> {
  tenant = (await testTenant(database, bus)).tenant
  key = (await addApiKey(database, tenant, 'test')).key
  // The settings of a new bank are read within the cache's expiry.
  await eventually('the new bank', async () => (await post('transactions', '[]')).status === 400)
}

type Answer = {
  status: number
  headers: Headers
  json: {
    code?: string
    detail?: string
    faults?: { path: string; fault: string }[]
    accepted?: number
    ids?: string[]
    [more: string]: unknown
  }
}
const read = async (response: Response): Promise<Answer> => ({
  status: response.status,
  headers: response.headers,
  json: (await response.json()) as Answer['json'],
})
const post = async (path: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> =>
  read(
    await fetch(`${gateway.url()}/v1/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
      body,
    }),
  )
const event = (overrides: object = {}) => ({
  id: unique('t-'),
  kind: 'authorization',
  instrument: 'card-1',
  customer: 'customer-1',
  direction: 'debit',
  amount: '12.34',
  currency: 'EUR',
  time: new Date().toISOString(),
  ...overrides,
})
const inKafka = async (topic: TenantTopic, n: number) => {
  const records = await collect(bus, tenantTopic(tenant, topic))
  await eventually(`${n} records`, () => records.length >= n)
  return records
}

describe('taking in', () => {
  beforeEach(newBank)

  it('acknowledges a transaction with 202 once Kafka has it, under the key of its customer', async () => {
    const sent = event()
    const before = Date.now()
    const { status, json } = await post('transactions', JSON.stringify(sent))
    expect([status, json]).toEqual([202, { accepted: 1, ids: [sent.id] }])
    const [record] = await inKafka('transactions', 1)
    expect(valuesOf<Transaction>([record])[0]).toEqual({ ...sent, tenant, amount: 1234 })
    expect(record.key).toBe(`${tenant}:customer-1`)
    expect(record.partition).toBe(partitionOf(record.key as string, 2))
    expect(record.timestamp).toBeGreaterThanOrEqual(before)
  })

  it('takes in outcomes, parties and labels by their own schemas', async () => {
    const at = new Date().toISOString()
    const outcome = { id: 'o1', customer: 'c1', transaction: 't1', result: 'approved', happenedAt: at }
    const party = { customer: 'c1', instrument: visa, validFrom: at, limit: '1000.00', currency: 'EUR', zone: 'Europe/Berlin' }
    const label = { id: 'l1', transaction: 't1', value: 'fraud', source: 'chargeback', happenedAt: at, knownAt: at, note: `card ${visa}` }
    expect((await post('outcomes', JSON.stringify(outcome))).status).toBe(202)
    expect((await post('parties', JSON.stringify(party))).status).toBe(202)
    expect((await post('labels', JSON.stringify([label]))).status).toBe(202)
    expect(valuesOf(await inKafka('outcomes', 1))).toEqual([{ ...outcome, tenant }])
    const [inParties] = valuesOf<Record<string, unknown>>(await inKafka('parties', 1))
    expect(inParties).toMatchObject({ limit: 100_000, instrument: expect.stringMatching(/^tok_/) })
    expect(valuesOf(await inKafka('labels', 1))).toEqual([{ ...label, note: 'card ************1111', tenant }])
    const wrong = await post('parties', JSON.stringify({ ...party, zone: 'Mars/Olympus', amount: 1 }))
    expect([wrong.status, wrong.json.faults?.map((f) => f.path)]).toEqual([400, ['/amount']])
    expect((await post('parties', JSON.stringify({ ...party, zone: 'Mars/Olympus' }))).json.faults).toEqual([
      { path: '/zone', fault: 'is not an IANA time zone' },
    ])
  })

  it('takes an array in whole or not at all, and names the faults of each of its events', async () => {
    const events = Array.from({ length: 50 }, () => event())
    const half = await post(
      'transactions',
      JSON.stringify([...events, event({ amount: 1.5 }), { ...event(), id: undefined, colour: 'red' }]),
    )
    expect(half.status).toBe(400)
    expect(half.headers.get('content-type')).toContain('application/problem+json')
    expect(half.json).toMatchObject({ code: 'invalid', detail: '2 of 52 events have faults, so nothing was taken in' })
    expect(half.json.faults?.map((f) => f.path)).toEqual(['/50/amount', '/51/id', '/51/colour'])
    const whole = await post('transactions', JSON.stringify(events))
    expect(whole.json).toEqual({ accepted: 50, ids: events.map((e) => e.id) })
    const ids = valuesOf<Transaction>(await inKafka('transactions', 50)).map((t) => t.id)
    expect(new Set(ids)).toEqual(new Set(events.map((e) => e.id)))
    expect(ids).toHaveLength(50)
  })

  it('lets no card number into Kafka', async () => {
    const sent = event({ instrument: visa, customer: undefined, extra: { memo: `was ${visa}` } })
    expect((await post('transactions', JSON.stringify(sent))).status).toBe(202)
    const [record] = await inKafka('transactions', 1)
    expect(`${record.key} ${record.value}`).not.toContain(visa)
    expect(valuesOf<Transaction>([record])[0]).toMatchObject({ instrument: expect.stringMatching(/^tok_.{24}$/), last4: '1111' })
  })
})

describe('bad input', () => {
  beforeAll(newBank)

  const cases: [string, string | Buffer, number, string][] = [
    ['malformed JSON', '{"id": "t1",', 400, 'not_json'],
    ['an empty body', '', 400, 'not_json'],
    ['bytes that are not UTF-8', Buffer.from('{"id":"\xff\xfe"}', 'latin1'), 400, 'not_utf8'],
    ['UTF-16', Buffer.from('{"id":"t1"}', 'utf16le'), 400, 'not_json'],
    ['a bare number', '1', 400, 'invalid'],
    ['null', 'null', 400, 'invalid'],
    ['a deep nest', '['.repeat(100_000) + ']'.repeat(100_000), 400, 'invalid'],
    ['more than a megabyte', JSON.stringify({ id: 'x'.repeat(1_100_000) }), 413, 'too_large'],
  ]
  it.each(cases)('refuses %s', async (_what, body, status, code) => {
    const answer = await post('transactions', body)
    expect([answer.status, answer.json.code, answer.json.status]).toEqual([status, code, status])
  })

  const fields: [string, object, string][] = [
    ['an amount with a fraction', { amount: 12.34 }, '/amount'],
    ['an absurd amount', { amount: '9999999999999.99' }, '/amount'],
    ['an amount beyond what a number holds', { amount: 1e300 }, '/amount'],
    ['a negative amount', { amount: -5 }, '/amount'],
    ['a wrong type', { id: 5 }, '/id'],
    ['a missing field', { currency: undefined }, '/currency'],
    ['an unknown field', { merchant: 'x' }, '/merchant'],
    ['a time without zone', { time: '2026-03-01T12:00:00' }, '/time'],
    ['a time in the far past', { time: '1999-03-01T12:00:00Z' }, '/time'],
    ['a time in the future', { time: new Date(Date.now() + 3_600_000).toISOString() }, '/time'],
    ['a string of nearly a megabyte', { counterpartyName: 'x'.repeat(900_000) }, '/counterpartyName'],
    ["another bank's name", { tenant: 'another-bank' }, '/tenant'],
    ['an id with a blank', { id: 'a b' }, '/id'],
    ['an id with a letter beyond ASCII', { id: 'té' }, '/id'],
  ]
  it.each(fields)('refuses %s, with its path', async (_what, overrides, path) => {
    const answer = await post('transactions', JSON.stringify(event(overrides)))
    expect([answer.status, answer.json.faults?.map((f) => f.path)]).toEqual([400, [path]])
    expect(JSON.stringify(answer.json).length).toBeLessThan(1000)
  })

  it('refuses an amount that was written with a fraction even where it is whole', async () => {
    const answer = await post('transactions', JSON.stringify(event({ amount: 1200 })).replace('1200', '12.0'))
    expect([answer.status, answer.json.faults?.[0].fault]).toEqual([400, expect.stringContaining('fraction')])
  })

  it('refuses formats that it does not read with 415', async () => {
    for (const headers of [
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/xml' },
      { 'content-type': 'application/json; charset=iso-8859-1' },
      { 'content-encoding': 'gzip' },
    ] as Record<string, string>[]) {
      expect((await post('transactions', JSON.stringify(event()), headers)).status).toBe(415)
    }
  })

  it('answers unknown paths with a problem', async () => {
    expect((await post('nothing', '{}')).json).toMatchObject({ status: 404, code: 'not_found' })
  })
})

describe('keys', () => {
  beforeEach(newBank)

  it('that are missing, malformed, unknown, wrong or of another kind are refused with 401', async () => {
    const [, id, secret] = key.split('_')
    const wrong = `${secret.startsWith('A') ? 'B' : 'A'}${key.split('_').slice(2).join('_').slice(1)}`
    for (const authorization of [
      '',
      'Bearer',
      'Bearer x',
      `Basic ${key}`,
      `Bearer assay_${id}_${wrong}`,
      `Bearer assay_aaaaaaaaaaaa_${'A'.repeat(43)}`,
    ]) {
      const answer = await post('transactions', JSON.stringify(event()), { authorization })
      expect([answer.status, answer.json.code, answer.headers.get('www-authenticate')]).toEqual([401, 'key_invalid', 'Bearer'])
    }
  })

  it('that are revoked stop working within seconds, and the database holds no secret', async () => {
    expect((await post('transactions', JSON.stringify(event()))).status).toBe(202)
    const id = key.split('_')[1]
    const rows = await database.query<{ hash: Buffer }>('SELECT * FROM api_keys WHERE id = ?', [id])
    expect(rows[0].hash).toHaveLength(32)
    expect(JSON.stringify(rows)).not.toContain(key.slice(-43))
    await revokeApiKey(database, id)
    await eventually('the key to be refused', async () => (await post('transactions', '[]')).status === 401, 10)
  })
})

describe('a stream of lines', () => {
  beforeEach(newBank)

  const stream = async (body: string) => {
    const response = await fetch(`${gateway.url()}/v1/transactions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
      body,
    })
    expect(response.headers.get('content-type')).toContain('application/x-ndjson')
    const lines = (await response.text()).trimEnd().split('\n')
    return { status: response.status, lines: lines.map((l) => JSON.parse(l) as Record<string, unknown>) }
  }

  it('is answered line by line: good ones are in, bad ones say why', async () => {
    const good = Array.from({ length: 3 }, () => event())
    const body = [
      JSON.stringify(good[0]),
      'nonsense',
      '',
      JSON.stringify({ ...event(), amount: 1.5 }),
      JSON.stringify(good[1]),
      'x'.repeat(70_000),
      JSON.stringify(good[2]),
    ].join('\n')
    const { status, lines } = await stream(body)
    expect(status).toBe(200)
    expect(lines.map((l) => [l.line, l.status])).toEqual([
      [1, 'accepted'],
      [2, 'refused'],
      [4, 'refused'],
      [5, 'accepted'],
      [6, 'refused'],
      [7, 'accepted'],
      [undefined, undefined],
    ])
    expect(lines.at(-1)).toEqual({ summary: { accepted: 3, refused: 3, notTaken: 0 } })
    const ids = valuesOf<Transaction>(await inKafka('transactions', 3)).map((t) => t.id)
    expect(ids).toEqual(good.map((e) => e.id))
  })

  it('may be far longer than a body may be, and every line is answered in order', async () => {
    const events = Array.from({ length: 8000 }, (_, i) => event({ customer: `c${i % 50}`, extra: { filler: 'x'.repeat(100) } }))
    const { lines } = await stream(events.map((e) => JSON.stringify(e)).join('\n'))
    expect(lines.slice(0, -1).map((l) => l.id)).toEqual(events.map((e) => e.id))
    expect(lines.at(-1)).toEqual({ summary: { accepted: 8000, refused: 0, notTaken: 0 } })
    const records = await inKafka('transactions', 8000)
    expect(new Set(valuesOf<Transaction>(records).map((t) => t.id)).size).toBe(8000)
  })

  it('is answered while it is still being sent', async () => {
    const answers: string[] = []
    const { hostname, port } = new URL(gateway.url())
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' }
    const request = httpRequest({ hostname, port, path: '/v1/transactions', method: 'POST', headers })
    const ended = new Promise<void>((resolve, reject) => {
      request.on('error', reject)
      request.on('response', (response) => {
        response.on('data', (chunk: Buffer) => answers.push(chunk.toString()))
        response.on('end', resolve)
      })
    })
    request.write(`${JSON.stringify(event())}\n`)
    await eventually('the first answer', () => answers.join('').includes('"line":1'))
    request.write(`${JSON.stringify(event())}\n`)
    await eventually('the second answer', () => answers.join('').includes('"line":2'))
    request.end()
    await ended
    expect(answers.join('')).toContain('"accepted":2')
  })
})

describe('what it says of itself', () => {
  beforeEach(newBank)

  it('is an OpenAPI document with the schemas by which it judges', async () => {
    const { json } = await read(await fetch(`${gateway.url()}/openapi.json`))
    const paths = json.paths as Record<
      string,
      { post?: { requestBody: { content: Record<string, { schema: { anyOf: { properties: object }[] } }> } } }
    >
    expect(Object.keys(paths)).toEqual(['/v1/transactions', '/v1/outcomes', '/v1/parties', '/v1/labels', '/v1/decisions/{id}'])
    expect(Object.keys(paths['/v1/transactions'].post?.requestBody.content ?? {})).toEqual(['application/json', 'application/x-ndjson'])
    expect(paths['/v1/transactions'].post?.requestBody.content['application/json'].schema.anyOf[0].properties).toHaveProperty('instrument')
  })

  it('is that it lives, that it is ready, and how much came in', async () => {
    await post('transactions', JSON.stringify(event()))
    expect((await read(await fetch(`${gateway.url()}/livez`))).json).toEqual({ live: true })
    expect((await read(await fetch(`${gateway.url()}/readyz`))).json).toEqual({ ready: true, problems: [] })
    const metrics = await (await fetch(`${gateway.url()}/metrics`)).text()
    expect(metrics).toContain(`assay_gateway_events_total{tenant="${tenant}",topic="transactions",result="accepted"} 1`)
    expect((await fetch(`${gateway.url()}/livez`)).headers.get('x-content-type-options')).toBe('nosniff')
  })
})
