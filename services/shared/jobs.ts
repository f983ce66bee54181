/** Jobs over BullMQ: a job only rings a bell, what is true lies in TiDB, so that losing all of Redis loses nothing but time. */
import { createHash } from 'node:crypto'
import { type Job, Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { AssayError, messageOf } from './errors.ts'
import type { Telemetry } from './telemetry.ts'

export type Bell<T> = {
  start(): Promise<void>
  stop(): Promise<void>
  /** Rings at `at` (milliseconds since 1970), once for each key. Rejects when Redis is away; a sweep then does the bell's work. */
  ring(key: string, data: T, at: number): Promise<void>
  health(): { ready: boolean; problems: string[] }
}

/** A job's id: a hash, since BullMQ takes no colons. */
export const jobId = (key: string): string => createHash('sha256').update(key).digest('hex').slice(0, 40)

const hour = 3600

/** Makes a queue with its worker. `answer` may be called more than once for a ring, so that it must be a compare and set. */
export function createBell<T extends object>(options: {
  redis: string
  prefix: string
  name: string
  telemetry: Telemetry
  answer: (data: T) => Promise<void>
  /** How many are answered at a time. */
  concurrency?: number
}): Bell<T> {
  const { redis, prefix, name, telemetry } = options
  let queue: Queue | undefined
  let worker: Worker | undefined
  let connections: Redis[] = []
  let producer: Redis | undefined
  let problem: string | undefined

  const connect = (settings: { maxRetriesPerRequest: number | null; enableOfflineQueue?: boolean }) => {
    const connection = new Redis(redis, { ...settings, retryStrategy: (times) => Math.min(2000, 50 * 2 ** Math.min(times, 6)) })
    connection.on('error', (error) => {
      problem = `Redis of the jobs: ${messageOf(error)}`
    })
    connection.on('ready', () => {
      problem = undefined
    })
    connections.push(connection)
    return connection
  }
  return {
    async start() {
      if (queue) return
      // A producer fails at once when Redis is away; a worker waits for it.
      producer = connect({ maxRetriesPerRequest: 1, enableOfflineQueue: false })
      queue = new Queue(name, {
        prefix,
        connection: producer,
        defaultJobOptions: {
          attempts: 5,
          backoff: { type: 'exponential', delay: 500 },
          // Short, so that a bell that a sweep rings again under the same key is not taken for one that has rung.
          removeOnComplete: true,
          removeOnFail: { age: 24 * hour, count: 1000 },
        },
      })
      queue.on('error', () => undefined)
      worker = new Worker(name, (job: Job<T>) => options.answer(job.data), {
        prefix,
        connection: connect({ maxRetriesPerRequest: null }),
        concurrency: options.concurrency ?? 8,
        lockDuration: 60_000,
      })
      worker.on('error', () => undefined)
      worker.on('failed', (job, error) => telemetry.logger.warn({ job: job?.id, reason: messageOf(error) }, `${name}: the job failed`))
    },
    async stop() {
      const away = producer?.status !== 'ready'
      const closing = Promise.all([worker?.close(away), queue?.close()]).catch(() => undefined)
      // BullMQ waits for a Redis that is away; what is in hand there is rung again by the sweep.
      await Promise.race([closing, new Promise((resolve) => setTimeout(resolve, away ? 500 : 10_000))])
      for (const connection of connections) connection.disconnect()
      connections = []
      producer = undefined
      queue = undefined
      worker = undefined
    },
    async ring(key, data, at) {
      if (!queue) throw new Error(`the queue ${name} has not been started`)
      // BullMQ would wait for a connection that has never been there, and an alert with it.
      if (producer?.status !== 'ready') throw new AssayError('redis_away', `The Redis of the jobs (${name}) is away`)
      await queue.add(name, data, { jobId: jobId(key), delay: Math.max(0, at - Date.now()) })
    },
    health() {
      if (!producer || producer.status === 'ready') return { ready: true, problems: [] }
      return { ready: false, problems: [problem ?? 'Redis of the jobs: not connected yet'] }
    },
  }
}
