/** The Redis of the counters: one connection, on which commands are carried out in the order in which they are sent. */
import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import { AssayError, messageOf } from '../../shared/errors.ts'
import { type Entity, type Entries, locate, type Step } from './entries.ts'
import { type Generation, metaKey, positionsKey, prefixesOf, usualShards } from './names.ts'
import { moveScript } from './script.ts'

/** Seconds that an entity is kept after it was last written to. The six days are those between two of its `keep`s. */
const kept = (40 + 6) * 86_400

/** Milliseconds without an answer after which the connection is given up. */
const patience = 5000

const sha = createHash('sha1').update(moveScript).digest('hex')

export type Store = {
  readonly redis: Redis
  readonly group: string
  /** Why Redis cannot be asked now. */
  problem(): string | undefined
  /** Resolves when Redis answers; rejects with `redis_away` after 5 seconds. */
  ready(): Promise<void>
  /** The generation in force; the first one is made where there is none. */
  generation(): Promise<Generation>
  /** The values of entities, null for those that Redis does not have, and the generation in force at that moment. */
  read(generation: Generation, entities: readonly Entity[]): Promise<{ values: (Buffer | null)[]; inForce: Generation | undefined }>
  /** Where a shard's partitions stand, by `chainOf`. */
  positions(generation: Generation, shard: number): Promise<Record<string, string>>
  /** Counts events by the script. Gives for each step -1, or the least stored position of a shard that lies before it: a gap. */
  move(generation: Generation, entries: Entries, steps: readonly Step[]): Promise<number[]>
  connect(): void
  stop(): void
}

const readGeneration = ([number, shards]: (string | null)[]): Generation | undefined =>
  number === null || shards === null ? undefined : { number: Number(number), shards: Number(shards) }

/** Opens the connection, or lets `connect` do so; what is asked while Redis is away is refused at once. */
export function openStore(address: string, group: string, options: { lazy?: boolean } = {}): Store {
  const redis = new Redis(address, {
    lazyConnect: options.lazy ?? false,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: patience,
    socketTimeout: patience,
    retryStrategy: (times) => Math.min(1000, 20 * 2 ** Math.min(times, 6)),
  })
  let reason: string | undefined
  redis.on('error', (error) => {
    reason = messageOf(error)
  })
  redis.on('ready', () => {
    reason = undefined
    // A Redis that has restarted has forgotten it. Nothing else has been sent on this connection yet.
    redis.script('LOAD', moveScript).catch(() => undefined)
  })
  const meta = metaKey(group)

  const run = async (keys: readonly string[], args: readonly (string | number | Buffer)[]): Promise<number[]> => {
    try {
      return (await redis.evalsha(sha, keys.length, ...keys, ...args)) as number[]
    } catch (error) {
      if (!messageOf(error).includes('NOSCRIPT')) throw error
      return (await redis.eval(moveScript, keys.length, ...keys, ...args)) as number[]
    }
  }

  return {
    redis,
    group,
    problem: () => (redis.status === 'ready' ? undefined : `the Redis of the counters is away${reason ? `: ${reason}` : ''}`),
    async ready() {
      for (const deadline = Date.now() + patience; redis.status !== 'ready'; ) {
        if (Date.now() > deadline) {
          const where = new URL(address).host
          throw new AssayError('redis_away', `Redis at ${where} does not answer${reason ? ` (${reason})` : ''}; see ASSAY_REDIS`, {
            status: 503,
          })
        }
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    async generation() {
      const known = readGeneration(await redis.hmget(meta, 'generation', 'shards'))
      if (known) return known
      // Whoever comes first says how many shards there are.
      await redis.hsetnx(meta, 'shards', usualShards)
      await redis.hsetnx(meta, 'generation', 1)
      const made = readGeneration(await redis.hmget(meta, 'generation', 'shards'))
      if (!made) throw new AssayError('redis_away', 'the Redis of the counters forgot what it was told a moment ago')
      return made
    },
    async read(generation, entities) {
      const byShard = Array.from({ length: generation.shards }, () => ({ keys: [] as string[], places: [] as number[] }))
      const prefixes = prefixesOf(group, generation)
      for (let i = 0; i < entities.length; i++) {
        const entity = entities[i]
        locate(entity, generation, prefixes)
        byShard[entity.shard].keys.push(entity.key)
        byShard[entity.shard].places.push(i)
      }
      // Sent in one go; the generation last, so that values are known to be of the one in force.
      const replies = byShard.map(({ keys }) => (keys.length === 0 ? [] : redis.mgetBuffer(keys)))
      const inForce = redis.hmget(meta, 'generation', 'shards')
      const values = new Array<Buffer | null>(entities.length)
      const all = await Promise.all([inForce, ...replies])
      const [first, ...rest] = all as [(string | null)[], ...(Buffer | null)[][]]
      rest.forEach((list, s) => {
        const { places } = byShard[s]
        for (let i = 0; i < list.length; i++) values[places[i]] = list[i]
      })
      return { values, inForce: readGeneration(first) }
    },
    positions: (generation, shard) => redis.hgetall(positionsKey(group, generation, shard)),
    async move(generation, entries, steps) {
      const positions = steps.flatMap(({ chain, from, to }) => [chain, from, to])
      const answers = await Promise.all(
        entries
          .pack(group, generation, steps)
          .map(({ keys, events, places }, shard) =>
            run([positionsKey(group, generation, shard), ...keys], [kept, ...positions, events, places]),
          ),
      )
      return steps.map((_, i) => {
        const gaps = answers.map((answer) => answer[i]).filter((stored) => stored >= 0)
        return gaps.length === 0 ? -1 : Math.min(...gaps)
      })
    },
    connect: () => void redis.connect().catch(() => undefined),
    stop: () => redis.disconnect(),
  }
}
