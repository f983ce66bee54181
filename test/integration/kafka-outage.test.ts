/** Kafka is killed under a bank's gateway, detector, casework and console while they work, and comes back. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCasework } from '../../services/casework/service.ts'
import { createConsole } from '../../services/console/service.ts'
import { addUser } from '../../services/console/users.ts'
import { createDetector } from '../../services/detector/service.ts'
import { createGateway } from '../../services/gateway/service.ts'
import { type DeadLetter, type Decision, innerTopics, type Label, tenantTopic } from '../../services/shared/events.ts'
import { addApiKey } from '../../services/shared/http/auth.ts'
import { createBus } from '../../services/shared/kafka/bus.ts'
import { listCases, readCase } from '../../services/shared/tidb/cases.ts'
import { ownBroker } from '../helpers/broker.ts'
import { caller, listen, login } from '../helpers/desk.ts'
import { outage } from '../helpers/outage.ts'
import { dropDatabase, eventually, testBus, testConfig, testDatabase, testTelemetry, testTenant, unique } from '../helpers/servers.ts'
import { collect, valuesOf } from '../helpers/topics.ts'
import { record, transaction } from '../helpers/transactions.ts'

const password = 'a password of theirs'
const customers = 10

/** What is to be closed at the end, newest first. */
const closing: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closing.reverse()) await close()
}, 120_000)

/** A bank all of whose transactions are alerts, and all its services on a broker of its own. */
async function bankOnItsOwnBroker() {
  const broker = await ownBroker()
  closing.push(() => broker.remove())
  const config = testConfig({ ASSAY_KAFKA: broker.address })
  const database = await testDatabase(config, { keep: true })
  closing.push(() => dropDatabase(config, database))
  const bus = await testBus(config, { keep: true })
  closing.push(() => bus.stop())
  const { tenant } = await testTenant(database, bus, {
    thresholds: { challenge: 0, review: 0, decline: 1 },
    escalation: [{ role: 'analyst', afterSeconds: 3 }],
  })
  const services = {
    detector: createDetector(config, testTelemetry()),
    casework: createCasework(config, testTelemetry()),
    console: createConsole(config, testTelemetry()),
    gateway: createGateway(config, testTelemetry(), { patienceMs: 2000 }),
  }
  for (const service of Object.values(services)) {
    closing.push(() => service.stop())
    await service.start()
  }
  const { key } = await addApiKey(database, tenant, 'test')
  await addUser(database, { name: 'ada', role: 'analyst', tenant, password })
  return { broker, config, database, bus, tenant, services, key }
}
type Setting = Awaited<ReturnType<typeof bankOnItsOwnBroker>>

/** Sends a transaction by HTTP; resolves to its id and the answer's status. */
async function post({ services, key }: Setting, i: number) {
  const id = unique(`t-${i}-`)
  const response = await fetch(`${services.gateway.url()}/v1/transactions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      id,
      kind: 'authorization',
      instrument: `card-${i % customers}`,
      customer: `c-${i % customers}`,
      direction: 'debit',
      amount: '12.34',
      currency: 'EUR',
      time: new Date().toISOString(),
    }),
  })
  return {
    id,
    status: response.status,
    problem: response.status === 202 ? undefined : ((await response.json()) as { code: string; detail: string }),
  }
}

const total = async ({ database, tenant }: Setting, table: 'transactions' | 'case_transactions') =>
  (await database.query(`SELECT tenant FROM ${table} WHERE tenant = ?`, [tenant])).length

/** The day: what is sent before, while and after Kafka is away, and what everybody says of himself. */
async function day() {
  const s = await bankOnItsOwnBroker()
  const { broker, config, database, tenant, services } = s
  const sent = new Set<string>()
  const url = services.console.url()
  const cookie = await login(url, 'ada', password)
  const feed = await listen(url, cookie)
  closing.push(() => feed.end())
  const call = caller(url)
  const healths = () => Object.fromEntries(Object.entries(services).map(([name, service]) => [name, service.health()]))
  const everybody = (ready: boolean) =>
    eventually(`everybody to be ${ready ? '' : 'not '}ready`, () => Object.values(healths()).every((h) => h.ready === ready), 60)

  for (let i = 0; i < customers; i++) sent.add((await post(s, i)).id)
  await eventually('the first alerts in cases', async () => (await total(s, 'case_transactions')) === customers)
  await everybody(true)
  const { cases } = await listCases(database, { tenant })
  const path = `/api/cases/${tenant}/${cases[0].id}`
  await call('POST', `${path}/claim`, { cookie, body: {} })

  // A bank that writes to Kafka itself, and goes on when Kafka is back.
  const writer = createBus(config.kafka, { name: 'writer', telemetry: testTelemetry(), patience: 120_000 })
  await writer.start()
  closing.push(() => writer.stop())
  const write = async (name: string, count: number) => {
    const records = Array.from({ length: count }, (_, i) => transaction(tenant, { id: `${name}-${i}`, customer: `c-${i % customers}` }))
    await writer.send(records.map(record))
    for (const { id } of records) sent.add(id)
  }
  await write('before', 100)
  await eventually('some of them', async () => (await total(s, 'transactions')) > customers)
  const writing = [write('when', 50)]
  await broker.kill()
  const over = outage()
  const unreadable = { topic: tenantTopic(tenant, 'transactions'), key: `${tenant}:c-0`, value: '{' }
  writing.push(write('while', 50), writer.send([unreadable]))
  const decidedWhenKilled = await total(s, 'transactions')
  const refused = [await post(s, 0), await post(s, 1)]
  await everybody(false)
  const said = healths()
  const verdict = await call('POST', `${path}/verdict`, { cookie, body: { disposition: 'fraud' } })
  const queue = await call('GET', '/api/cases', { cookie })
  const waiting = await database.query('SELECT id FROM outbox')
  // All but the one that is judged.
  await eventually('escalations', async () => {
    const taken = await database.query("SELECT id FROM case_history WHERE tenant = ? AND event = 'escalated'", [tenant])
    return taken.length >= customers - 1
  })
  await over

  await broker.start()
  await everybody(true)
  await Promise.all(writing)
  const last = await post(s, 0)
  sent.add(last.id)
  return { s, sent, decidedWhenKilled, refused, said, verdict, queue, waiting, last, feed }
}

describe('when Kafka is killed under a bank’s services and comes back', () => {
  let seen: Awaited<ReturnType<typeof day>>
  beforeAll(async () => {
    seen = await day()
  }, 240_000)

  test('everybody says so', () => {
    expect(Object.fromEntries(Object.entries(seen.said).map(([name, { problems }]) => [name, problems.join().includes('Kafka')]))).toEqual({
      detector: true,
      casework: true,
      console: true,
      gateway: true,
    })
  })

  test('the gateway takes nothing in, says so, and takes in again afterwards', () => {
    for (const { status, problem } of seen.refused) {
      expect(status).toBe(503)
      expect(problem).toMatchObject({ code: 'kafka_away', title: 'Not available now' })
    }
    expect(seen.last.status).toBe(202)
  })

  test('every transaction is decided once, and its decision published', async () => {
    const { s, sent, decidedWhenKilled } = seen
    expect(decidedWhenKilled).toBeLessThan(sent.size)
    await eventually('all rows', async () => (await total(s, 'transactions')) >= sent.size)
    const ids = (await s.database.query<{ id: string }>('SELECT id FROM transactions WHERE tenant = ?', [s.tenant])).map((r) => r.id)
    // Kafka may have what it did not answer for.
    expect(ids.filter((id) => !sent.has(id) && !seen.refused.some((r) => r.id === id))).toEqual([])
    const decisions = await collect(s.bus, tenantTopic(s.tenant, 'decisions'))
    const published = () => new Set(decisions.map((d) => d.value?.toString()))
    await eventually('all decisions', () => published().size >= ids.length)
    expect(published().size).toBe(ids.length)
    expect(new Set(valuesOf<Decision>(decisions).map((d) => d.id))).toEqual(new Set(ids))
  })

  test('what cannot be read becomes a dead letter', async () => {
    const letters = await collect(seen.s.bus, innerTopics.deadLetters)
    await eventually('the dead letter', () => letters.length > 0)
    expect(valuesOf<DeadLetter>(letters)[0]).toMatchObject({ tenant: seen.s.tenant, reason: 'not_json' })
  })

  test('every alert is in one case once', async () => {
    const { s, sent } = seen
    await eventually('all alerts in cases', async () => (await total(s, 'case_transactions')) >= sent.size)
    expect(await total(s, 'case_transactions')).toBe(await total(s, 'transactions'))
    const { cases } = await listCases(s.database, { tenant: s.tenant })
    expect(cases.filter((c) => c.state === 'open')).toHaveLength(customers)
    for (const { id, amount } of cases) {
      const found = await readCase(s.database, { tenant: s.tenant, caseId: id })
      expect(amount).toBe(found?.alerts.reduce((sum, a) => sum + a.amount, 0))
    }
  })

  test('a verdict is taken meanwhile, and its label goes out afterwards', async () => {
    expect([seen.verdict.status, seen.queue.status]).toEqual([204, 200])
    expect(seen.waiting.length).toBeGreaterThan(0)
    const labels = await collect(seen.s.bus, tenantTopic(seen.s.tenant, 'labels'))
    await eventually('the label', () => new Set(valuesOf<Label>(labels).map((l) => l.id)).size === seen.waiting.length)
    expect(valuesOf<Label>(labels)[0]).toMatchObject({ value: 'fraud', source: 'analyst', by: 'ada' })
    await eventually('an empty outbox', async () => (await seen.s.database.query('SELECT id FROM outbox')).length === 0)
  })

  test('the live feed goes on', async () => {
    await eventually('the newest alert', () => seen.feed.seen.has(seen.last.id))
  })
})
