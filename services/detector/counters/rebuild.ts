/**
 * Counting everything anew: a new generation is filled from TiDB while detectors go on with the old one, then takes its place. What is
 * decided meanwhile is found as a gap of the new one, and filled as any gap is.
 */
import { randomUUID } from 'node:crypto'
import type { Database } from '../../shared/database.ts'
import { AssayError } from '../../shared/errors.ts'
import { positionOf } from '../batch.ts'
import { type Chain, fill } from './fill.ts'
import { chainOf, type Generation, lockKey, metaKey, patternOf, positionsKey } from './names.ts'
import type { Store } from './store.ts'

/** Milliseconds that the lock holds unless it is renewed. */
const lockTime = 30_000
/** Offsets that may be left to the detectors when the new generation takes over. */
const fewLeft = 20_000
/** Partitions that are filled at the same time, so that TiDB reads while Redis counts. */
const together = 4

const renew = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
const release = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

export type Rebuilt = { generation: number; shards: number; rows: number; seconds: number }

/** Where the partitions stand whose records move counters, by what TiDB has recorded. */
export async function recordedProgress(database: Database): Promise<(Chain & { position: number })[]> {
  const rows = await database.query<{ tenant: string; topic: Chain['topic']; part: number; log: number; next_offset: number }>(
    "SELECT tenant, topic, part, log, next_offset FROM progress WHERE topic IN ('transactions', 'labels') ORDER BY tenant, topic, part",
  )
  return rows.map(({ tenant, topic, part, log, next_offset }) => ({
    tenant,
    topic,
    partition: part,
    position: positionOf(log, next_offset),
  }))
}

/** Deletes all that a generation has, its positions first: without them nothing can be added to it. */
export async function deleteGeneration(store: Store, generation: Generation): Promise<void> {
  const { redis, group } = store
  for (let shard = 0; shard < generation.shards; shard++) await redis.unlink(positionsKey(group, generation, shard))
  for (let cursor = '0'; ; ) {
    const [next, keys] = await redis.scan(cursor, 'MATCH', patternOf(group, generation.number), 'COUNT', 1000)
    if (keys.length > 0) await redis.unlink(...keys)
    if (next === '0') return
    cursor = next
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/**
 * Fills a new generation and puts it in force; undefined when somebody else is doing so. `progress` is told after each query how many rows
 * have been counted.
 */
export async function rebuild(
  store: Store,
  database: Database,
  options: { shards?: number; stopped?: () => boolean; progress?: (rows: number) => void } = {},
): Promise<Rebuilt | undefined> {
  const { redis, group } = store
  const [lock, meta, token] = [lockKey(group), metaKey(group), randomUUID()]
  if ((await redis.set(lock, token, 'PX', lockTime, 'NX')) === null) return undefined
  let lost = false
  const renewing = setInterval(() => {
    redis.eval(renew, 1, lock, token, lockTime).then(
      (held) => {
        if (held !== 1) lost = true
      },
      () => undefined,
    )
  }, lockTime / 3)
  try {
    const began = Date.now()
    const old = await store.generation()
    const [building, buildingShards] = await redis.hmget(meta, 'building', 'building_shards')
    if (building !== null && Number(building) !== old.number)
      await deleteGeneration(store, { number: Number(building), shards: Number(buildingShards) })
    const next: Generation = { number: Math.max(old.number, Number(building ?? 0)) + 1, shards: options.shards ?? old.shards }
    await redis.hset(meta, 'building', next.number, 'building_shards', next.shards)
    let rows = 0
    const stood = new Map<string, number>()
    for (;;) {
      const chains = await recordedProgress(database)
      const left = chains.filter((chain) => (stood.get(chainOf(chain)) ?? 0) < chain.position)
      const offsets = left.reduce((sum, chain) => sum + chain.position - (stood.get(chainOf(chain)) ?? 0), 0)
      if (left.length === 0 || (stood.size > 0 && offsets <= fewLeft)) break
      const work = async () => {
        for (let chain = left.pop(); chain; chain = left.pop()) {
          const { position, ...of } = chain
          await fill(store, database, next, of, stood.get(chainOf(of)) ?? 0, position, (n) => {
            rows += n
            options.progress?.(rows)
            if (lost) throw new AssayError('rebuild_overtaken', 'another rebuild of the counters has begun; this one ends')
            if (options.stopped?.()) throw new AssayError('rebuild_stopped', 'the rebuild of the counters was stopped; run it again')
          })
          stood.set(chainOf(of), position)
        }
      }
      await Promise.all(Array.from({ length: together }, work))
    }
    // One command: nobody sees the new number with the old shards.
    await redis.hset(meta, 'generation', next.number, 'shards', next.shards)
    await redis.hdel(meta, 'building', 'building_shards')
    await deleteGeneration(store, old)
    return { generation: next.number, shards: next.shards, rows, seconds: (Date.now() - began) / 1000 }
  } finally {
    clearInterval(renewing)
    await redis.eval(release, 1, lock, token).catch(() => undefined)
  }
}
