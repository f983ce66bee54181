/** A detector as a member of its Kafka group: what it is given, where it reads on, and the offsets that it commits. */
import type { Consumer, EachBatchPayload, PartitionAssigner } from 'kafkajs'
import { messageOf } from '../../shared/errors.ts'
import type { Bus } from '../../shared/kafka/bus.ts'
import { createCommitter, type Offset } from '../../shared/kafka/committer.ts'
import type { Telemetry } from '../../shared/telemetry.ts'
import { coPartitioned } from './assigner.ts'
import type { Place } from './partition.ts'

/** Milliseconds that the last commit of offsets may hold up a stop. */
const longestCommit = 5000

export type Member = {
  /** Joins the group and reads until it is stopped. */
  start(): Promise<void>
  /** Commits what is left to be committed, and leaves. */
  stop(): Promise<void>
  /** Whether it knows which partitions are its own. */
  joined(): boolean
  /** Reads a partition from here on. */
  seek(place: Place, offset: number): void
  pause(place: Place): void
  /** Notes offsets for Kafka to be told soon. */
  commit(offsets: readonly Offset[]): void
}

/** Makes a member that reads these topics; one that has been stopped cannot be started again. */
export function createMember(d: {
  bus: Bus
  telemetry: Telemetry
  group: string
  topicNames: readonly string[]
  /** Of one partition in one fetch. */
  fetchBytes: number
  onBatch: (payload: EachBatchPayload) => Promise<void>
  /** Called with the partitions of each topic whenever they are given out anew. */
  onAssigned: (assignment: Record<string, number[]>) => void
  /** Called when the consumer has given up for good and has to be made anew. */
  onEnd: () => void
}): Member {
  const { telemetry } = d
  const made = d.bus.kafka.consumer({
    groupId: d.group,
    partitionAssigners: [coPartitioned as PartitionAssigner],
    minBytes: 1,
    maxWaitTimeInMs: 100,
    maxBytesPerPartition: d.fetchBytes,
    sessionTimeout: 6_000,
    heartbeatInterval: 1000,
    retry: { initialRetryTime: 50, maxRetryTime: 2000, retries: 1_000_000 },
  })
  let consumer: Consumer | undefined = made
  let joined = false
  const committer = createCommitter(
    (offsets) => made.commitOffsets(offsets.map(({ offset, ...place }) => ({ ...place, offset: String(offset) }))),
    // An offset that is not committed makes the next owner publish again, which readers are prepared for.
    (error) => telemetry.logger.warn({ reason: messageOf(error) }, 'Kafka did not take the offsets'),
  )
  made.on(made.events.GROUP_JOIN, ({ payload }) => {
    joined = true
    d.onAssigned(payload.memberAssignment as Record<string, number[]>)
  })
  made.on(made.events.REBALANCING, () => {
    joined = false
  })
  made.on(made.events.CRASH, ({ payload }) => {
    joined = false
    telemetry.logger.warn({ reason: messageOf(payload.error) }, 'the consumer lost its way and starts again')
    // kafkajs gives up on errors that it holds to be lasting; whether they last is not for it to know.
    if (!payload.restart && consumer) d.onEnd()
  })
  return {
    async start() {
      await made.connect()
      await made.subscribe({ topics: [...d.topicNames], fromBeginning: true })
      await made.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: Math.min(64, 4 * d.topicNames.length),
        eachBatch: d.onBatch,
      })
    },
    async stop() {
      joined = false
      await committer.flush(longestCommit)
      consumer = undefined
      await made.disconnect()
    },
    joined: () => joined,
    seek: ({ topicName, partition }, offset) => consumer?.seek({ topic: topicName, partition, offset: String(offset) }),
    pause: ({ topicName, partition }) => consumer?.pause([{ topic: topicName, partitions: [partition] }]),
    commit(offsets) {
      if (consumer) committer.add(offsets)
    },
  }
}
