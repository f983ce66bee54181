/** kafkajs with its known faults mended; nothing else imports kafkajs's insides. */
import { createRequire } from 'node:module'
import { type ICustomPartitioner, Kafka, type logCreator, logLevel, Partitioners } from 'kafkajs'
import type { Logger } from 'pino'

const require = createRequire(import.meta.url)

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

const levels = {
  [logLevel.ERROR]: 'warn',
  [logLevel.WARN]: 'debug',
  [logLevel.INFO]: 'debug',
  [logLevel.DEBUG]: 'trace',
  [logLevel.NOTHING]: 'trace',
} as const

const logTo =
  (logger: Logger): logCreator =>
  () =>
  ({ namespace, level, log }) =>
    logger[levels[level]]({ kafkajs: namespace, reason: log.error }, log.message)

/** A client that begins its retries soon, since a broker beside us is back soon, and goes on for some three seconds. */
export const createKafka = (brokers: readonly string[], clientId: string, logger: Logger): Kafka =>
  new Kafka({
    clientId,
    brokers: [...brokers],
    logLevel: logLevel.WARN,
    logCreator: logTo(logger.child({ part: 'kafkajs' })),
    connectionTimeout: 3000,
    requestTimeout: 30_000,
    retry: { initialRetryTime: 50, maxRetryTime: 5000, retries: 6 },
  })

/** The partitioner that Java's clients use: murmur2 of the key. */
export const defaultPartitioner: ICustomPartitioner = Partitioners.DefaultPartitioner

const murmur2 = require('kafkajs/src/producer/partitioners/default/murmur2') as (key: Buffer | string) => number

/** The partition on which a key belongs, the same as Java's clients and our producer choose. */
export const partitionOf = (key: string, partitions: number): number => (murmur2(key) & 0x7fffffff) % partitions
