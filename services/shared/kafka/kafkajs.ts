/**
 * kafkajs with its known faults mended. Nothing else imports more than types of it, so that it is loaded from here, where what is mended
 * before lies ready.
 */
import { createRequire } from 'node:module'
import type * as kafkajs from 'kafkajs'
import type { Logger } from 'pino'
import { murmur2 } from './murmur2.ts'
import { decodeBatch, encodeBatch } from './record-batch.ts'

const require = createRequire(import.meta.url)

type Grouping = {
  topic: string
  partitionMetadata: kafkajs.PartitionMetadata[]
  messages: kafkajs.Message[]
  partitioner: ReturnType<kafkajs.ICustomPartitioner>
}

/** Messages by their partitions. kafkajs 2.2.4 copies all of a partition's for each that is added, which was a fifth of what a detector allocates. */
export function groupByPartition({ topic, partitionMetadata, messages, partitioner }: Grouping): Record<number, kafkajs.Message[]> {
  const groups: Record<number, kafkajs.Message[]> = {}
  if (partitionMetadata.length === 0) return groups
  for (const message of messages) {
    const partition = partitioner({ topic, partitionMetadata, message })
    const group = groups[partition]
    if (group) group.push(message)
    else groups[partition] = [message]
  }
  return groups
}

/** Puts ours in the place of a file of kafkajs's, which must not have been loaded by another one yet. */
function replace(path: string, exports: unknown): void {
  const place = require.resolve(`kafkajs/src/${path}`)
  require(place)
  ;(require.cache[place] as NodeJS.Module).exports = exports
}

replace('producer/groupMessagesPerPartition', groupByPartition)
// A record is written when its batch is.
replace('protocol/recordBatch/record/v0', (record: unknown) => record)
replace('protocol/recordBatch/v0', { ...require('kafkajs/src/protocol/recordBatch/v0'), RecordBatch: encodeBatch })
replace('protocol/recordBatch/v0/decoder', decodeBatch)

type Fetched = { messages: (kafkajs.KafkaMessage & { isControlRecord?: boolean })[]; abortedTransactions?: unknown[] }
type Batch = { rawMessages: unknown; messagesWithinOffset: unknown; messages: unknown }
const BatchOfKafkajs = require('kafkajs/src/consumer/batch') as new (topic: string, fetchedOffset: string, partition: Fetched) => Batch

/** What was fetched of a partition. kafkajs makes a BigInt of each message's offset to leave out what nobody asked for, of which there mostly is nothing. */
class FetchedBatch extends BatchOfKafkajs {
  constructor(topic: string, fetchedOffset: string, partition: Fetched) {
    const { messages, abortedTransactions } = partition
    const isWhole =
      messages.length > 0 &&
      !abortedTransactions?.length &&
      Number(messages[0].offset) >= Number(fetchedOffset) &&
      !messages.some(({ isControlRecord }) => isControlRecord)
    super(topic, fetchedOffset, isWhole ? { ...partition, messages: [] } : partition)
    if (!isWhole) return
    this.rawMessages = messages
    this.messagesWithinOffset = messages
    this.messages = messages
  }
}
replace('consumer/batch', FetchedBatch)

export const { AssignerProtocol, CompressionTypes, ConfigResourceTypes, Kafka, KafkaJSError, logLevel, Partitioners } =
  require('kafkajs') as typeof kafkajs

type RequestQueue = { pending: unknown[]; throttledUntil: number; scheduleCheckPendingRequests(): void }

const { prototype } = require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue & { mended?: true } }

/**
 * kafkajs 2.2.4 arms its check for pending requests again and again even when nothing is pending, every millisecond, which costs an
 * idle connection 4 % of a core. Looks again only while something waits or the broker throttles.
 */
if (!prototype.mended) {
  const check = prototype.scheduleCheckPendingRequests
  prototype.scheduleCheckPendingRequests = function scheduleCheckPendingRequests(this: RequestQueue) {
    if (this.pending.length === 0 && !(this.throttledUntil > Date.now())) return
    check.call(this)
  }
  prototype.mended = true
}

type Topic = { topic: string; topicErrorCode: number; partitionMetadata: unknown[] }
type BrokerPool = {
  metadata: { topicMetadata: Topic[] } | null
  metadataExpireAt: number | null
  refreshMetadata(topics: string[]): Promise<void>
}

const pool = (require('kafkajs/src/cluster/brokerPool') as { prototype: BrokerPool & { mended?: true } }).prototype
const unknownTopic = 3

/**
 * kafkajs 2.2.4 asks for all topics of a client at once and gives up when one of them is gone, so that who deletes a topic of one bank
 * stops every bank. Here a topic that is gone has no partitions, and is looked for again every second.
 */
if (!pool.mended) {
  const refresh = pool.refreshMetadata
  pool.refreshMetadata = async function refreshMetadata(this: BrokerPool, topics) {
    try {
      await refresh.call(this, topics)
    } catch (error) {
      if ((error as { type?: string }).type !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
      // No names: all topics that there are.
      await refresh.call(this, [])
      const there = this.metadata?.topicMetadata ?? []
      const gone = topics.filter((topic) => !there.some((t) => t.topic === topic))
      there.push(...gone.map((topic) => ({ topic, topicErrorCode: unknownTopic, partitionMetadata: [] })))
      this.metadataExpireAt = Date.now() + 1000
    }
  }
  pool.mended = true
}

const levels = {
  [logLevel.ERROR]: 'warn',
  [logLevel.WARN]: 'debug',
  [logLevel.INFO]: 'debug',
  [logLevel.DEBUG]: 'trace',
  [logLevel.NOTHING]: 'trace',
} as const

const logTo =
  (logger: Logger): kafkajs.logCreator =>
  () =>
  ({ namespace, level, log }) =>
    logger[levels[level]]({ kafkajs: namespace, reason: log.error }, log.message)

/** A client that begins its retries soon, since a broker beside us is back soon, and goes on for some three seconds. */
export const createKafka = (brokers: readonly string[], clientId: string, logger: Logger): kafkajs.Kafka =>
  new Kafka({
    clientId,
    brokers: [...brokers],
    logLevel: logLevel.WARN,
    logCreator: logTo(logger.child({ part: 'kafkajs' })),
    connectionTimeout: 3000,
    requestTimeout: 30_000,
    retry: { initialRetryTime: 50, maxRetryTime: 5000, retries: 6 },
  })

/** The partition on which a key belongs, the same as Java's clients and our producer choose. */
export const partitionOf = (key: Buffer | string, partitions: number): number => (murmur2(key) & 0x7fffffff) % partitions

/** The partitioner that Java's clients use: murmur2 of the key. kafkajs's own does the same with BigInts, at twenty times the cost. */
export const defaultPartitioner: kafkajs.ICustomPartitioner = () => {
  const withoutKey = Partitioners.DefaultPartitioner()
  return (to) => {
    const { key, partition } = to.message
    return key == null || partition != null ? withoutKey(to) : partitionOf(key, to.partitionMetadata.length)
  }
}
