/** Kafka behind a narrow interface: sending, consuming, making topics; with kafkajs's known faults mended (`kafkajs.ts`). */
import { type Admin, CompressionTypes, type Consumer, type Kafka, type Producer } from 'kafkajs'
import { AssayError, messageOf } from './errors.ts'
import { innerTopics, tenantTopic, tenantTopics } from './events.ts'
import { createKafka, defaultPartitioner } from './kafkajs.ts'
import type { Telemetry } from './telemetry.ts'

/** A record to be sent. `timestamp` is in milliseconds and is now unless given. */
export type Outgoing = {
  topic: string
  key: string
  value: string | Buffer
  partition?: number
  timestamp?: number
  headers?: Record<string, string>
}
export type Received = { topic: string; partition: number; offset: string; timestamp: number; key: string | null; value: Buffer | null }

export type Consumption = { start(): Promise<void>; stop(): Promise<void>; ready(): boolean }

export type Bus = {
  start(): Promise<void>
  stop(): Promise<void>
  /** Sends all in one request a broker; resolves after all replicas have them, rejects with `kafka_away` after the retries. */
  send(records: readonly Outgoing[]): Promise<void>
  /**
   * At least once: offsets are committed after `each` has resolved, and what it threw at is delivered again.
   */
  consume(options: {
    group: string
    topics: readonly string[]
    fromBeginning: boolean
    each: (records: Received[]) => Promise<void>
  }): Consumption
  ensureTenantTopics(tenant: string, partitions: number): Promise<void>
  ensureInnerTopics(): Promise<void>
  admin(): Promise<Admin>
  kafka: Kafka
  ready(): boolean
}

const day = 86_400_000
const settings = { 'message.timestamp.type': 'CreateTime', 'max.message.bytes': '2097152' }

/** Makes the bus. `replicas` is the number of copies of topics that it makes: one on a single broker. */
export function createBus(brokers: readonly string[], options: { name: string; telemetry: Telemetry; replicas?: number }): Bus {
  const { telemetry } = options
  const kafka = createKafka(brokers, options.name, telemetry.logger)
  let producer: Producer | undefined
  let starting: Promise<Producer> | undefined
  let admin: Promise<Admin> | undefined
  let connected = false
  let stopped = false

  /** An idempotent producer that gave up has lost its sequence, so a new one takes its place. */
  const connect = async (): Promise<Producer> => {
    const made = kafka.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner: defaultPartitioner })
    await made.connect()
    producer = made
    connected = true
    return made
  }
  const current = (): Promise<Producer> => {
    starting ??= connect().catch((error) => {
      starting = undefined
      throw error
    })
    return starting
  }
  const replace = (failed: Producer | undefined) => {
    if (failed !== producer) return
    connected = false
    starting = undefined
    producer = undefined
    failed?.disconnect().catch(() => undefined)
  }
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
  const ensure = async (topics: { topic: string; numPartitions: number; compacted?: boolean }[]) => {
    const client = await openAdmin()
    const existing = new Set(await client.listTopics())
    const missing = topics.filter((t) => !existing.has(t.topic))
    if (missing.length > 0) {
      await client.createTopics({
        waitForLeaders: true,
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
    const { topics: found } = await client.fetchTopicMetadata({ topics: topics.map((t) => t.topic) })
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
    ready: () => connected,
    async start() {
      stopped = false
      await current()
    },
    async stop() {
      if (stopped) return
      stopped = true
      connected = false
      await starting?.then((p) => p.disconnect()).catch(() => undefined)
      await admin?.then((a) => a.disconnect()).catch(() => undefined)
      starting = undefined
      admin = undefined
    },
    async send(records) {
      if (records.length === 0) return
      const byTopic = new Map<
        string,
        { key: string; value: string | Buffer; partition?: number; timestamp?: string; headers?: Record<string, string> }[]
      >()
      for (const { topic, timestamp, ...record } of records) {
        const message = timestamp === undefined ? record : { ...record, timestamp: String(timestamp) }
        const messages = byTopic.get(topic)
        if (messages) messages.push(message)
        else byTopic.set(topic, [message])
      }
      let using: Producer | undefined
      try {
        using = await current()
        await using.sendBatch({
          acks: -1,
          compression: CompressionTypes.None,
          topicMessages: [...byTopic].map(([topic, messages]) => ({ topic, messages })),
        })
        connected = true
      } catch (error) {
        replace(using)
        throw new AssayError('kafka_away', `Kafka did not take the records: ${messageOf(error)}`, {
          cause: error,
          status: 503,
          details: { topics: [...byTopic.keys()], records: records.length },
        })
      }
    },
    consume({ group, topics, fromBeginning, each }) {
      let consumer: Consumer | undefined
      let alive = false
      return {
        ready: () => alive,
        async start() {
          if (consumer) return
          const made = kafka.consumer({ groupId: group, maxWaitTimeInMs: 100, retry: { initialRetryTime: 100, retries: 1e6 } })
          consumer = made
          made.on(made.events.GROUP_JOIN, () => {
            alive = true
          })
          made.on(made.events.CRASH, ({ payload }) => {
            alive = false
            telemetry.logger.warn({ reason: messageOf(payload.error), group }, 'the consumer lost its way and starts again')
          })
          await made.connect()
          await made.subscribe({ topics: [...topics], fromBeginning })
          await made.run({
            autoCommit: false,
            eachBatchAutoResolve: false,
            eachBatch: async ({ batch, resolveOffset, heartbeat, isRunning, isStale }) => {
              if (!isRunning() || isStale() || batch.messages.length === 0) return
              const beat = setInterval(() => void heartbeat().catch(() => undefined), 3000)
              try {
                await each(
                  batch.messages.map((m) => ({
                    topic: batch.topic,
                    partition: batch.partition,
                    offset: m.offset,
                    timestamp: Number(m.timestamp),
                    key: m.key === null ? null : m.key.toString(),
                    value: m.value,
                  })),
                )
              } finally {
                clearInterval(beat)
              }
              resolveOffset(batch.lastOffset())
              await made.commitOffsets([
                { topic: batch.topic, partition: batch.partition, offset: String(BigInt(batch.lastOffset()) + 1n) },
              ])
              await heartbeat()
            },
          })
        },
        async stop() {
          const ending = consumer
          consumer = undefined
          alive = false
          await ending?.disconnect()
        },
      }
    },
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
