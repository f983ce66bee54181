/** Sending to Kafka: one idempotent producer, one request at a time, and what waits goes out together in the next. */
import type { Kafka, Message, Producer } from 'kafkajs'
import { AssayError, messageOf } from '../errors.ts'
import { CompressionTypes, defaultPartitioner } from './kafkajs.ts'

/** A record to be sent. `timestamp` is in milliseconds and is now unless given. */
export type Outgoing = {
  topic: string
  key: string
  value: string | Buffer
  partition?: number
  timestamp?: number
  headers?: Record<string, string>
}

export type Sender = {
  start(): Promise<void>
  stop(): Promise<void>
  send(records: readonly Outgoing[]): Promise<void>
  ready(): boolean
}

/** Most records of several callers that share a request; one caller's records are never parted. */
const mostShared = 2000

/** The second one: there is no such topic. */
const refusals = new Set(['KafkaJSProtocolError', 'KafkaJSMetadataNotLoaded'])

/** Whether the broker answered and did not want the records, in contrast to one that is away. */
const isRefusal = (error: unknown): boolean =>
  error instanceof Error && (refusals.has(error.name) || (error.cause !== undefined && isRefusal(error.cause)))

type Waiting = { records: readonly Outgoing[]; resolve(): void; reject(error: unknown): void }

/**
 * Makes the sender. kafkajs gives a failed request's sequence numbers to whichever request comes next, and the broker, which may
 * have stored the first, would take the second for its repetition and drop it. So only one request is under way at a time. A broker
 * that is away is waited for `patience` milliseconds, since kafkajs's own retries end at once when a connection is refused.
 */
export function createSender(kafka: Kafka, patience: number): Sender {
  let producer: Promise<Producer> | undefined
  let connected = false
  let stopped = false
  let queue: Waiting[] = []
  let draining: Promise<void> | undefined

  const connect = async (): Promise<Producer> => {
    const made = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: defaultPartitioner,
      allowAutoTopicCreation: false,
    })
    await made.connect()
    connected = true
    return made
  }
  const current = (): Promise<Producer> => {
    producer ??= connect().catch((error) => {
      producer = undefined
      throw error
    })
    return producer
  }
  /** An idempotent producer that gave up has lost its place in the sequence, so a new one takes over. */
  const letGo = async () => {
    const old = producer
    producer = undefined
    connected = false
    await old?.then((p) => p.disconnect()).catch(() => undefined)
  }
  const sendOnce = async (records: readonly Outgoing[]) => {
    const byTopic = new Map<string, Message[]>()
    for (const { topic, timestamp, ...record } of records) {
      const message = timestamp === undefined ? record : { ...record, timestamp: String(timestamp) }
      const messages = byTopic.get(topic)
      if (messages) messages.push(message)
      else byTopic.set(topic, [message])
    }
    const topicMessages = [...byTopic].map(([topic, messages]) => ({ topic, messages }))
    const deadline = Date.now() + patience
    for (let wait = 50; ; wait = Math.min(2000, wait * 2)) {
      try {
        await (await current()).sendBatch({ acks: -1, compression: CompressionTypes.None, topicMessages })
        connected = true
        return
      } catch (error) {
        connected = false
        if (stopped || isRefusal(error) || Date.now() > deadline) {
          await letGo()
          throw new AssayError('kafka_away', `Kafka did not take the records: ${messageOf(error)}`, {
            cause: error,
            status: 503,
            details: { topics: [...byTopic.keys()], records: records.length },
          })
        }
        // The same producer sends the same records under the same sequence numbers, so that the broker keeps them once.
        await new Promise((resolve) => setTimeout(resolve, wait))
      }
    }
  }
  const takeShare = (): Waiting[] => {
    let count = 0
    const end = queue.findIndex(({ records }, i) => {
      count += records.length
      return i > 0 && count > mostShared
    })
    const share = end === -1 ? queue : queue.slice(0, end)
    queue = queue.slice(share.length)
    return share
  }
  const drain = async () => {
    while (queue.length > 0) {
      const share = takeShare()
      try {
        await sendOnce(share.flatMap((w) => w.records))
        for (const waiting of share) waiting.resolve()
      } catch (error) {
        if (share.length > 1 && isRefusal(error))
          for (const waiting of share) await sendOnce(waiting.records).then(waiting.resolve, waiting.reject)
        else for (const waiting of share) waiting.reject(error)
      }
    }
    draining = undefined
  }

  return {
    ready: () => connected,
    async start() {
      stopped = false
      await current()
    },
    async stop() {
      stopped = true
      await draining
      await letGo()
    },
    send(records) {
      if (stopped) return Promise.reject(new AssayError('bus_stopped', 'the bus was stopped, so nothing can be sent any more'))
      if (records.length === 0) return Promise.resolve()
      return new Promise((resolve, reject) => {
        queue.push({ records, resolve, reject })
        draining ??= drain()
      })
    },
  }
}
