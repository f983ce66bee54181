/** Kafka behind a narrow interface: sending, consuming, making topics; with kafkajs's known faults mended (`kafkajs.ts`). */
import type { Admin, Kafka } from 'kafkajs'
import { AssayError } from '../errors.ts'
import { innerTopics, tenantTopic, tenantTopics } from '../events.ts'
import type { Telemetry } from '../telemetry.ts'
import { type Consumption, type ConsumptionOptions, createConsumption } from './consumption.ts'
import { createKafka } from './kafkajs.ts'
import { createSender, type Outgoing } from './sender.ts'

export type { Consumption, Received } from './consumption.ts'
export type { Outgoing } from './sender.ts'

export type Bus = {
  start(): Promise<void>
  stop(): Promise<void>
  /** Sends all in one request a broker; resolves when all replicas have them, rejects with `kafka_away` after the retries. */
  send(records: readonly Outgoing[]): Promise<void>
  /** At least once: offsets are committed after `each` has resolved, and what it threw at is delivered again. */
  consume(options: ConsumptionOptions): Consumption
  ensureTenantTopics(tenant: string, partitions: number): Promise<void>
  ensureInnerTopics(): Promise<void>
  admin(): Promise<Admin>
  kafka: Kafka
  ready(): boolean
}

const day = 86_400_000
const longestSettling = 15_000
/** A bank's producer may compress as it likes: the broker unpacks what kafkajs cannot, which knows none but gzip. */
const settings = { 'message.timestamp.type': 'CreateTime', 'max.message.bytes': '2097152', 'compression.type': 'uncompressed' }

/**
 * Makes the bus. `replicas` is the number of copies of topics that it makes: one on a single broker. `patience` is how long a send
 * waits for a broker that is away, in milliseconds.
 */
export function createBus(
  brokers: readonly string[],
  options: { name: string; telemetry: Telemetry; replicas?: number; patience?: number },
): Bus {
  const { telemetry } = options
  const kafka = createKafka(brokers, options.name, telemetry.logger)
  const sender = createSender(kafka, options.patience ?? 15_000)
  let admin: Promise<Admin> | undefined

  const openAdmin = (): Promise<Admin> => {
    admin ??= (async () => {
      const made = kafka.admin()
      await made.connect()
      return made
    })().catch((error) => {
      admin = undefined
      throw error
    })
    return admin
  }
  /** Metadata once every partition has a leader: for a moment a broker does not know what it has just made. */
  const settledMetadata = async (client: Admin, topics: { topic: string }[]) => {
    for (const deadline = Date.now() + longestSettling; ; ) {
      try {
        const { topics: found } = await client.fetchTopicMetadata({ topics: topics.map((t) => t.topic) })
        const leaderless = found.filter((t) => t.partitions.some((p) => p.leader < 0)).map((t) => t.name)
        if (leaderless.length === 0) return found
        if (Date.now() > deadline)
          throw new AssayError('no_leader', `No broker leads ${leaderless.join(', ')}; look at the brokers`, { details: { leaderless } })
      } catch (error) {
        if (Date.now() > deadline) throw error
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  const ensure = async (topics: { topic: string; numPartitions: number; compacted?: boolean }[]) => {
    const client = await openAdmin()
    const existing = new Set(await client.listTopics())
    const missing = topics.filter((t) => !existing.has(t.topic))
    if (missing.length > 0) {
      await client.createTopics({
        waitForLeaders: false,
        topics: missing.map(({ topic, numPartitions, compacted }) => ({
          topic,
          numPartitions,
          replicationFactor: options.replicas ?? -1,
          configEntries: Object.entries({
            ...settings,
            ...(compacted ? { 'cleanup.policy': 'compact' } : { 'retention.ms': String(14 * day) }),
          }).map(([name, value]) => ({ name, value })),
        })),
      })
    }
    const found = await settledMetadata(client, topics)
    for (const { topic, numPartitions } of topics) {
      const has = found.find((f) => f.name === topic)?.partitions.length
      if (has !== undefined && has !== numPartitions) {
        throw new AssayError(
          'partitions_differ',
          `${topic} has ${has} partitions but ${numPartitions} are recorded; the number is fixed, since keys would change places`,
          {
            details: { topic, has, recorded: numPartitions },
          },
        )
      }
    }
  }

  return {
    kafka,
    ready: sender.ready,
    start: sender.start,
    async stop() {
      await sender.stop()
      await admin?.then((a) => a.disconnect()).catch(() => undefined)
      admin = undefined
    },
    send: sender.send,
    consume: (consumption) => createConsumption(kafka, telemetry.logger, consumption),
    ensureTenantTopics: (tenant, partitions) =>
      ensure(tenantTopics.map((name) => ({ topic: tenantTopic(tenant, name), numPartitions: partitions }))),
    ensureInnerTopics: () =>
      ensure([
        { topic: innerTopics.deadLetters, numPartitions: 4 },
        { topic: innerTopics.control, numPartitions: 1, compacted: true },
      ]),
    admin: openAdmin,
  }
}
