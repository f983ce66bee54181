/** Reading from Kafka at least once: what was worked is committed, what failed comes again, and a lost broker is waited for. */
import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import { messageOf } from '../errors.ts'
import { type Committer, createCommitter } from './committer.ts'

export type Received = { topic: string; partition: number; offset: string; timestamp: number; key: string | null; value: Buffer | null }

export type Consumption = { start(): Promise<void>; stop(): Promise<void>; ready(): boolean }

export type ConsumptionOptions = {
  group: string
  topics: readonly string[]
  fromBeginning: boolean
  each: (records: Received[]) => Promise<void>
}

const heartbeatEvery = 1000
const longestWait = 5000
/** Milliseconds that the last commit may hold up a stop; what is not committed is delivered again. */
const longestCommit = 5000
/** Nothing heard from the broker for this long means that it is away: a fetch returns after 100 ms, a heartbeat goes out every second. */
const silence = 10_000

/** Makes a consumption; nothing is opened before `start`. */
export function createConsumption(kafka: Kafka, logger: Logger, { group, topics, fromBeginning, each }: ConsumptionOptions): Consumption {
  let consumer: Consumer | undefined
  let opening: Promise<void> | undefined
  let wanted = false
  let joined = false
  let heard = 0
  let restart: NodeJS.Timeout | undefined
  let wake = () => {}
  let flush = () => Promise.resolve()

  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  /**
   * Works one batch until it succeeds or the partition may no longer be ours. kafkajs would end a consumer for good on a TypeError, so
   * what `each` throws does not reach it.
   */
  const work = async (committer: Committer, { batch, resolveOffset, heartbeat, isRunning, isStale }: EachBatchPayload) => {
    const records = batch.messages.map((m) => ({
      topic: batch.topic,
      partition: batch.partition,
      offset: m.offset,
      timestamp: Number(m.timestamp),
      key: m.key === null ? null : m.key.toString(),
      value: m.value,
    }))
    let lost = false
    const beat = setInterval(() => {
      heartbeat().catch(() => {
        lost = true
        wake()
      })
    }, heartbeatEvery)
    try {
      for (let wait = 100; ; wait = Math.min(longestWait, wait * 2)) {
        if (!isRunning() || isStale() || lost) return
        try {
          await each(records)
          break
        } catch (error) {
          logger.warn(
            { err: error, group, topic: batch.topic, partition: batch.partition, offset: batch.firstOffset() },
            `records could not be worked, trying again in ${wait} ms: ${messageOf(error)}`,
          )
          await pause(wait)
        }
      }
    } finally {
      clearInterval(beat)
    }
    resolveOffset(batch.lastOffset())
    committer.add([{ topic: batch.topic, partition: batch.partition, offset: Number(batch.lastOffset()) + 1 }])
    if (!wanted) await committer.flush(longestCommit)
    await heartbeat()
  }

  const open = async () => {
    const made = kafka.consumer({
      groupId: group,
      maxWaitTimeInMs: 100,
      sessionTimeout: 6_000,
      heartbeatInterval: heartbeatEvery,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: longestWait, retries: 1e6 },
    })
    consumer = made
    const committer = createCommitter(
      (offsets) => made.commitOffsets(offsets.map(({ offset, ...place }) => ({ ...place, offset: String(offset) }))),
      (error) => logger.warn({ reason: messageOf(error), group }, 'Kafka did not take the offsets'),
    )
    flush = () => committer.flush(longestCommit)
    const listen = () => {
      heard = Date.now()
    }
    made.on(made.events.FETCH, listen)
    made.on(made.events.HEARTBEAT, listen)
    made.on(made.events.GROUP_JOIN, () => {
      joined = true
      listen()
    })
    made.on(made.events.CRASH, ({ payload }) => {
      joined = false
      logger.warn({ reason: messageOf(payload.error), group }, 'the consumer lost its way and starts again')
      // kafkajs gives up on errors that it holds to be lasting; whether they last is not for it to know.
      if (!payload.restart && wanted && consumer === made) restart = setTimeout(reopen, 1000)
    })
    try {
      await made.connect()
      await made.subscribe({ topics: [...topics], fromBeginning })
      await made.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (payload) => work(committer, payload) })
    } catch (error) {
      consumer = undefined
      await made.disconnect().catch(() => undefined)
      throw error
    }
  }
  const reopen = () => {
    opening = open()
    opening.catch((error: unknown) => {
      logger.warn({ reason: messageOf(error), group }, 'the consumer could not start again; trying once more')
      if (wanted) restart = setTimeout(reopen, 1000)
    })
  }

  return {
    ready: () => joined && Date.now() - heard < silence,
    async start() {
      wanted = true
      opening ??= open()
      try {
        await opening
      } catch (error) {
        opening = undefined
        throw error
      }
    },
    async stop() {
      wanted = false
      const ending = consumer
      consumer = undefined
      opening = undefined
      joined = false
      clearTimeout(restart)
      await flush()
      const ended = ending?.disconnect()
      wake()
      await ended
    },
  }
}
