/** A bank for one run: its own database, topics and groups, so that no run sees another's. */
import { randomBytes } from 'node:crypto'
import { writeRates } from '../infra/commands/rates.ts'
import { migrate } from '../infra/migrations/migrate.ts'
import { readTopic } from '../infra/read-topic.ts'
import { type SimulatedEvent, simulate } from '../infra/simulator/simulate.ts'
import { ratesOf } from '../infra/start/rates.ts'
import { type Config, readConfig } from '../services/shared/config.ts'
import { tenantTopic, tenantTopics, topics } from '../services/shared/events.ts'
import { type Bus, createBus, type Outgoing } from '../services/shared/kafka/bus.ts'
import { KafkaJSError } from '../services/shared/kafka/kafkajs.ts'
import { createTelemetry } from '../services/shared/telemetry.ts'
import { createDatabase, type Database, ensureDatabase } from '../services/shared/tidb/database.ts'
import { createTenant } from '../services/shared/tidb/settings.ts'

export type Bank = { config: Config; database: Database; bus: Bus; tenant: string; close(): Promise<void> }

/** Makes the bank on the servers that `env` names; `close` drops what it made. */
export async function createBank(env: Record<string, string | undefined>, { partitions = 4 } = {}): Promise<Bank> {
  const mark = randomBytes(4).toString('hex')
  const config = readConfig({
    ASSAY_SECRET: randomBytes(32).toString('hex'),
    ...env,
    ASSAY_DATABASE: `assay_bench_${mark}`,
    ASSAY_GROUP: `bench-${mark}`,
    ASSAY_LOG_LEVEL: 'silent',
    ASSAY_HEALTH_PORT: '0',
  })
  await ensureDatabase(config.sql)
  const database = createDatabase(config.sql)
  await migrate(database)
  const bus = createBus(config.kafka, { name: `bench-${mark}`, telemetry: createTelemetry('bench', 'silent') })
  await bus.start()
  await writeRates(database, ratesOf(new Date()))
  const tenant = `bench-${mark}`
  await createTenant(database, bus, { tenant, partitions })
  return {
    config,
    database,
    bus,
    tenant,
    async close() {
      const admin = await bus.admin()
      await admin.deleteTopics({ topics: tenantTopics.map((name) => tenantTopic(tenant, name)) })
      await database.execute(`DROP DATABASE IF EXISTS \`${config.sql.database}\``)
      await database.stop()
      await bus.stop()
    },
  }
}

export type Stream = { transactions: Outgoing[]; parties: Outgoing[]; distinct: number }

/** A simulated event as the record of its topic. */
export const recordOf = (tenant: string, e: SimulatedEvent): Outgoing => ({
  topic: tenantTopic(tenant, e.topic),
  key: (topics[e.topic].key as (x: unknown) => string)(e.event),
  value: JSON.stringify(e.event),
})

/** The stream of a run, made before anything is timed: transactions with 1 % resends, and who the customers are. */
export function streamOf(tenant: string, count: number, seed: number): Stream {
  const stream: Stream = { transactions: [], parties: [], distinct: 0 }
  for (const e of simulate({ seed, tenant, transactions: count })) {
    if (e.topic === 'parties') stream.parties.push(recordOf(tenant, e))
    if (e.topic !== 'transactions') continue
    stream.transactions.push(recordOf(tenant, e))
    if (!e.resend) stream.distinct++
  }
  return stream
}

/** The transactions of a stream put into Kafka as they are made, for one that is too long to be held. Returns how many there are. */
export async function loadStream(
  bank: Bank,
  options: { transactions: number; customers: number; seed: number },
): Promise<{ records: number; distinct: number }> {
  const loaded = { records: 0, distinct: 0 }
  let waiting: Outgoing[] = []
  for (const e of simulate({ ...options, tenant: bank.tenant })) {
    if (e.topic !== 'transactions') continue
    waiting.push(recordOf(bank.tenant, e))
    loaded.records++
    if (!e.resend) loaded.distinct++
    if (waiting.length < 1000) continue
    await bank.bus.send(waiting)
    waiting = []
  }
  await bank.bus.send(waiting)
  return loaded
}

/** Puts records into Kafka, a thousand at a time. */
export async function load(bus: Bus, records: readonly Outgoing[]): Promise<void> {
  for (let from = 0; from < records.length; from += 1000) await bus.send(records.slice(from, from + 1000))
}

/** Records in a topic by now. A broker may not know for a moment that it leads what it has just made, so it is asked again. */
export async function sizeOf(bus: Bus, topic: string): Promise<number> {
  const admin = await bus.admin()
  for (let attempt = 1; ; attempt++) {
    try {
      return (await admin.fetchTopicOffsets(topic)).reduce((sum, o) => sum + Number(o.high), 0)
    } catch (error) {
      if (attempt === 20 || !(error instanceof KafkaJSError && error.retriable)) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

/** Looks every 50 ms until the topic holds so many records; throws after `seconds`, or as soon as `check` does. */
export async function waitForSize(bus: Bus, topic: string, records: number, seconds: number, check = () => {}): Promise<void> {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const size = await sizeOf(bus, topic)
    if (size >= records) return
    check()
    if (Date.now() > deadline) throw new Error(`${topic} holds ${size} of ${records} records after ${seconds} s`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Reads a topic to its end: time of the first and the last record, how many there are, and how many distinct ids. */
export async function spanOf(
  bus: Bus,
  topic: string,
  group: string,
): Promise<{ first: number; last: number; ids: number; records: number }> {
  const ids = new Set<string>()
  let [first, last, records] = [Number.POSITIVE_INFINITY, 0, 0]
  await readTopic(bus, topic, group, (r) => {
    records++
    first = Math.min(first, r.timestamp)
    last = Math.max(last, r.timestamp)
    ids.add((JSON.parse((r.value as Buffer).toString()) as { id: string }).id)
  })
  return { first, last, ids: ids.size, records }
}
