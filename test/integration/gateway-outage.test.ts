/** The gateway while Kafka or TiDB is away, behind proxies that a test can cut; and decisions, read from TiDB. */
import { expect, it, onTestFinished } from 'vitest'
import { createApp } from '../../services/gateway/app.ts'
import { createBanks } from '../../services/gateway/banks.ts'
import { createOutbound, type Outbound } from '../../services/gateway/outbound.ts'
import { createGateway } from '../../services/gateway/service.ts'
import { AssayError } from '../../services/shared/errors.ts'
import { tenantTopic } from '../../services/shared/events.ts'
import { addApiKey, createApiKeys } from '../../services/shared/http/auth.ts'
import { createBus, type Outgoing } from '../../services/shared/kafka/bus.ts'
import { defaultSettings, type Settings } from '../../services/shared/tidb/settings.ts'
import { outage } from '../helpers/outage.ts'
import { proxy } from '../helpers/proxy.ts'
import { eventually, testBus, testConfig, testDatabase, testTelemetry, testTenant, unique } from '../helpers/servers.ts'
import { collect, valuesOf } from '../helpers/topics.ts'

const event = (overrides: object = {}) => ({
  id: unique('t-'),
  kind: 'authorization',
  instrument: 'card-1',
  direction: 'debit',
  amount: '12.34',
  currency: 'EUR',
  time: new Date().toISOString(),
  ...overrides,
})

async function bankWithKey(settings: Partial<Settings> = {}) {
  const config = testConfig()
  const database = await testDatabase(config)
  const bus = await testBus(config)
  const { tenant } = await testTenant(database, bus, settings)
  const { key } = await addApiKey(database, tenant, 'test')
  return { config, database, bus, tenant, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' } }
}

it('answers 503 with Retry-After before Kafka is there, says so on /readyz, and listens all the same', async () => {
  const { config, headers } = await bankWithKey()
  const gateway = createGateway({ ...config, kafka: ['127.0.0.1:1'] }, testTelemetry(), { patienceMs: 300 })
  const started = gateway.start().catch(() => undefined)
  onTestFinished(async () => {
    await gateway.stop()
    await started
  })
  await eventually('the gateway to listen', () => gateway.url() !== '')
  const post = () => fetch(`${gateway.url()}/v1/transactions`, { method: 'POST', headers, body: JSON.stringify(event()) })
  for (const response of [await post(), await post()]) {
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5'])
    expect(await response.json()).toMatchObject({ code: 'kafka_away', status: 503 })
  }
  const stream = await fetch(`${gateway.url()}/v1/transactions`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/x-ndjson' },
    body: JSON.stringify(event()),
  })
  expect(stream.status).toBe(503)
  expect((await fetch(`${gateway.url()}/readyz`)).status).toBe(503)
  expect((await fetch(`${gateway.url()}/livez`)).status).toBe(200)
})

it('says in a stream which ids are in when Kafka goes away in the middle, and sends nothing after', async () => {
  const { config, database, bus, tenant, headers } = await bankWithKey()
  const telemetry = testTelemetry()
  const whole = createOutbound(bus, telemetry)
  let sends = 0
  /** Kafka takes the first request and is away from then on. */
  const outbound: Outbound = {
    ...whole,
    send: (records: readonly Outgoing[]) =>
      sends++ === 0 ? whole.send(records) : Promise.reject(new AssayError('kafka_away', 'Kafka does not answer', { status: 503 })),
  }
  const app = await createApp({
    database,
    keys: createApiKeys(database),
    banks: createBanks(database),
    outbound,
    telemetry,
    tokenKey: config.tokenKey,
    health: () => ({ ready: true, problems: [] }),
  })
  onTestFinished(() => app.close())
  const events = Array.from({ length: 1500 }, () => event())
  const response = await app.inject({
    method: 'POST',
    url: '/v1/transactions',
    headers: { ...headers, 'content-type': 'application/x-ndjson' },
    payload: events.map((e) => JSON.stringify(e)).join('\n'),
  })
  const lines = response.body
    .trimEnd()
    .split('\n')
    .map((l) => JSON.parse(l) as { id?: string; status?: string; summary?: object; detail?: string })
  expect(lines.slice(0, -1).map((l) => l.id)).toEqual(events.map((e) => e.id))
  const accepted = lines.filter((l) => l.status === 'accepted').map((l) => l.id)
  expect(accepted.length).toBeGreaterThan(0)
  expect(lines.at(-1)).toEqual({
    summary: { accepted: accepted.length, refused: 0, notTaken: 1500 - accepted.length },
    detail: 'Kafka does not answer',
  })
  expect(sends).toBe(2)
  const records = await collect(bus, tenantTopic(tenant, 'transactions'))
  await eventually('what is in', () => records.length >= accepted.length)
  expect(valuesOf<{ id: string }>(records).map((t) => t.id)).toEqual(accepted)
})

it('goes on by itself when Kafka is back after it had run out of patience', async () => {
  const { config, tenant } = await bankWithKey()
  const [host, port] = config.kafka[0].split(':')
  const wire = await proxy(host, Number(port))
  const telemetry = testTelemetry()
  // The broker names its own address, so only the first connection goes through the proxy: enough to start without Kafka.
  wire.cut()
  const bus = createBus([`127.0.0.1:${wire.port}`], { name: unique('gateway-'), telemetry })
  const outbound = createOutbound(bus, telemetry, { patienceMs: 200 })
  onTestFinished(async () => {
    await outbound.stop()
    await bus.stop()
  })
  const record = { topic: tenantTopic(tenant, 'transactions'), key: 'k', value: '{}' }
  await expect(outbound.send([record])).rejects.toMatchObject({ code: 'kafka_away', status: 503 })
  expect(outbound.health().ready).toBe(false)
  expect(() => outbound.mustBeThere()).toThrow('nothing is taken in')
  wire.mend()
  await eventually('Kafka to be seen again', () => outbound.health().ready, 45)
  await outbound.send([record])
}, 90_000)

it('goes on taking in with the keys that it knows while TiDB is away', async () => {
  const { config, headers } = await bankWithKey()
  const wire = await proxy(config.sql.host, config.sql.port)
  const gateway = createGateway({ ...config, sql: { ...config.sql, host: '127.0.0.1', port: wire.port } }, testTelemetry())
  await gateway.start()
  onTestFinished(() => gateway.stop())
  const post = (more: object = {}) =>
    fetch(`${gateway.url()}/v1/transactions`, { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify(event()) })
  expect((await post()).status).toBe(202)
  wire.cut()
  const stranger = await post({ authorization: `Bearer assay_${'a'.repeat(12)}_${'A'.repeat(43)}` })
  expect([stranger.status, await stranger.json()]).toEqual([503, expect.objectContaining({ code: 'database_away' })])
  const decision = await fetch(`${gateway.url()}/v1/decisions/t1`, { headers })
  expect(decision.status).toBe(503)
  // Longer than the settings of the banks are kept.
  await outage()
  expect((await post()).status).toBe(202)
  wire.mend()
  await eventually('TiDB to be seen again', async () => (await fetch(`${gateway.url()}/v1/decisions/t1`, { headers })).status === 404)
})

it('gives the decision of a transaction by its id, to its own bank only, and 404 before there is one', async () => {
  const { config, database, bus, tenant, headers } = await bankWithKey()
  const { key: otherKey } = await addApiKey(database, (await testTenant(database, bus)).tenant, 'test')
  const gateway = createGateway(config, testTelemetry())
  await gateway.start()
  onTestFinished(() => gateway.stop())
  const get = (id: string, authorization = headers.authorization) =>
    fetch(`${gateway.url()}/v1/decisions/${encodeURIComponent(id)}`, { headers: { authorization } })
  const unknown = await get('t/1')
  expect([unknown.status, unknown.headers.get('retry-after')]).toEqual([404, '1'])
  expect(await unknown.json()).toMatchObject({ code: 'decision_unknown' })
  const at = Date.parse('2026-03-01T12:00:00Z')
  const reasons = [{ code: 'amount_high', text: 'The amount is far above what this customer spends' }]
  await database.execute(
    `INSERT INTO transactions (tenant, customer, time, id, event, content_hash, part, log, log_offset, outcomes_to, parties_to, base_amount, features, feature_set, score, action, alert,
     sampled, reasons, model, policy, backend, received, decided) VALUES (?, 'c1', ?, 't/1', ?, ?, 0, 0, 0, 0, 0, 1234, '', ?, 0.912345, 3, 1, 0, ?, 2, 1, 0, ?, ?)`,
    [
      tenant,
      at,
      JSON.stringify(event({ id: 't/1', time: '2026-03-01T13:00:00+01:00' })),
      Buffer.alloc(16),
      Buffer.alloc(8),
      JSON.stringify(reasons),
      at,
      at + 5,
    ],
  )
  expect(await (await get('t/1')).json()).toEqual({
    id: 't/1',
    tenant,
    customer: 'c1',
    score: 0.912345,
    action: 'decline',
    alert: true,
    reasons,
    model: 2,
    policy: 1,
    time: '2026-03-01T13:00:00+01:00',
    decidedAt: '2026-03-01T12:00:00.005Z',
  })
  expect((await get('t/1', `Bearer ${otherKey}`)).status).toBe(404)
  expect((await get(`a b`)).status).toBe(400)
})

it('answers 429 with Retry-After when a key asks too often, and other keys go on', async () => {
  const { config, database, bus, tenant, headers } = await bankWithKey()
  const { key: second } = await addApiKey(database, tenant, 'second')
  const telemetry = testTelemetry()
  const app = await createApp({
    database,
    keys: createApiKeys(database),
    banks: createBanks(database),
    outbound: createOutbound(bus, telemetry),
    telemetry,
    tokenKey: config.tokenKey,
    health: () => ({ ready: true, problems: [] }),
    requestsPerMinute: 2,
  })
  onTestFinished(() => app.close())
  const post = (more: object = {}) =>
    app.inject({ method: 'POST', url: '/v1/transactions', headers: { ...headers, ...more }, payload: event() })
  expect([(await post()).statusCode, (await post()).statusCode]).toEqual([202, 202])
  const refused = await post()
  expect([refused.statusCode, refused.json()]).toEqual([429, expect.objectContaining({ code: 'too_many_requests' })])
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
  expect((await post({ authorization: `Bearer ${second}` })).statusCode).toBe(202)
})

it('answers 429 with Retry-After when a bank has sent more than it may, 202 again once it has waited, and other banks go on', async () => {
  const { config, database, bus, headers, tenant } = await bankWithKey({ limits: { ...defaultSettings.limits, eventsPerSecond: 10 } })
  const other = await testTenant(database, bus)
  const { key } = await addApiKey(database, other.tenant, 'other')
  const gateway = createGateway(config, testTelemetry())
  onTestFinished(() => gateway.stop())
  await gateway.start()
  const post = async (body: unknown, more: object = {}) => {
    const response = await fetch(`${gateway.url()}/v1/transactions`, {
      method: 'POST',
      headers: { ...headers, ...more },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    return { status: response.status, retryAfter: Number(response.headers.get('retry-after')), text: await response.text() }
  }
  // Taken in whole, and two and a half seconds' worth.
  expect((await post(Array.from({ length: 25 }, () => event()))).status).toBe(202)
  const refused = await post(event())
  expect([refused.status, JSON.parse(refused.text)]).toEqual([429, expect.objectContaining({ code: 'too_many_events', status: 429 })])
  expect(refused.retryAfter).toBeGreaterThan(0)
  expect((await post(event(), { authorization: `Bearer ${key}` })).status).toBe(202)
  await new Promise((resolve) => setTimeout(resolve, refused.retryAfter * 1000))
  expect((await post(event())).status).toBe(202)
  const metrics = await (await fetch(`${gateway.url()}/metrics`)).text()
  expect(metrics).toContain(`assay_gateway_limited_total{tenant="${tenant}",limit="events"} 1`)
  // A stream of more than the bank may send is taken in nevertheless.
  const lines = Array.from({ length: 15 }, () => JSON.stringify(event())).join('\n')
  const stream = await post(lines, { 'content-type': 'application/x-ndjson' })
  expect([stream.status, stream.text]).toEqual([200, expect.stringContaining('"accepted":15,"refused":0,"notTaken":0')])
})
