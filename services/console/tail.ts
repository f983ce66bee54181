/** Reads the end of topics for a screen: the last few records, then what comes. Commits nothing and shares nothing. */
import { randomUUID } from 'node:crypto'
import type { Consumer } from 'kafkajs'
import { messageOf } from '../shared/errors.ts'
import type { Bus } from '../shared/kafka/bus.ts'
import type { Part } from '../shared/lifecycle.ts'
import type { Telemetry } from '../shared/telemetry.ts'

export type Tail = Part & { ready(): boolean }

/**
 * Every instance is a group of its own, since each has its own screens to feed. The positions are set before the first fetch, so
 * that a record which arrives while the group forms is not missed.
 */
export function tail(
  bus: Bus,
  telemetry: Telemetry,
  options: { group: string; topics: readonly string[]; last: number; each: (topic: string, value: Buffer) => void },
): Tail {
  const { topics, last, each } = options
  const groupId = `${options.group}-console-${randomUUID()}`
  let consumer: Consumer | undefined
  let alive = false
  const positions = new Map<string, Map<number, bigint>>()

  const findEnds = async () => {
    const admin = await bus.admin()
    for (const topic of topics) {
      const ends = await admin.fetchTopicOffsets(topic)
      const from = ends.map(({ partition, low, high }) => {
        const wanted = BigInt(high) - BigInt(last)
        return [partition, wanted > BigInt(low) ? wanted : BigInt(low)] as const
      })
      positions.set(topic, new Map(from))
    }
  }

  return {
    ready: () => alive,
    async start() {
      if (consumer || topics.length === 0) return
      await findEnds()
      const made = bus.kafka.consumer({ groupId, maxWaitTimeInMs: 100, retry: { initialRetryTime: 100, retries: 1e6 } })
      consumer = made
      made.on(made.events.GROUP_JOIN, ({ payload }) => {
        for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
          for (const partition of partitions) {
            const offset = positions.get(topic)?.get(partition)
            if (offset !== undefined) made.seek({ topic, partition, offset: String(offset) })
          }
        }
        alive = true
      })
      made.on(made.events.CRASH, ({ payload }) => {
        alive = false
        telemetry.logger.warn({ reason: messageOf(payload.error) }, 'the live feed lost Kafka and tries again')
      })
      await made.connect()
      await made.subscribe({ topics: [...topics], fromBeginning: false })
      await made.run({
        autoCommit: false,
        eachBatchAutoResolve: true,
        eachBatch: async ({ batch }) => {
          for (const { value } of batch.messages) if (value) each(batch.topic, value)
          positions.get(batch.topic)?.set(batch.partition, BigInt(batch.lastOffset()) + 1n)
        },
      })
    },
    async stop() {
      const ending = consumer
      consumer = undefined
      alive = false
      if (!ending) return
      await ending.disconnect()
      const admin = await bus.admin()
      await admin.deleteGroups([groupId]).catch(() => undefined)
    },
  }
}
