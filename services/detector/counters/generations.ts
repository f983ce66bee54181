/**
 * Which generation of counters is in force, which one is being filled, and which were replaced and have yet to be deleted: fields of one hash,
 * moved by scripts, so that of two who rebuild at once the later one wins and whoever dies leaves nothing behind for good.
 */
import { randomUUID } from 'node:crypto'
import { type Generation, lockKey, metaKey, patternOf, positionsKey } from './names.ts'
import type { Store } from './store.ts'

/** Milliseconds that the lock holds unless it is renewed. */
const lockTime = 30_000

const renew = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
const release = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

const replaced = 'replaced:'

const begin = `
local meta = redis.call('HMGET', KEYS[1], 'generation', 'shards', 'building', 'building_shards')
local next = tonumber(meta[1])
if meta[3] and meta[3] ~= meta[1] then
  redis.call('HSET', KEYS[1], '${replaced}' .. meta[3], meta[4])
  next = math.max(next, tonumber(meta[3]))
end
local shards = ARGV[1] == '' and meta[2] or ARGV[1]
redis.call('HSET', KEYS[1], 'building', next + 1, 'building_shards', shards)
return { next + 1, tonumber(shards) }`

// One call: nobody sees the new number with the old shards, nor a generation whose filling another one has taken over.
const inForce = `
local meta = redis.call('HMGET', KEYS[1], 'building', 'generation', 'shards')
if meta[1] ~= ARGV[1] or not meta[2] then return 0 end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'shards', ARGV[2], '${replaced}' .. meta[2], meta[3])
redis.call('HDEL', KEYS[1], 'building', 'building_shards')
return 1`

/** Does what only one may do at a time; undefined when somebody else is at it. `lost` turns true when another one may have begun. */
export async function underLock<T>({ redis, group }: Store, work: (lost: () => boolean) => Promise<T>): Promise<T | undefined> {
  const [lock, token] = [lockKey(group), randomUUID()]
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
    return await work(() => lost)
  } finally {
    clearInterval(renewing)
    await redis.eval(release, 1, lock, token).catch(() => undefined)
  }
}

/** Says that a new generation is being filled; one whose filling was broken off counts as replaced. */
export async function beginGeneration(store: Store, shards?: number): Promise<Generation> {
  await store.generation()
  const [number, itsShards] = (await store.redis.eval(begin, 1, metaKey(store.group), shards ?? '')) as number[]
  return { number, shards: itsShards }
}

/** Puts the generation that was being filled in force; false when it is not the one that is being filled any more. */
export const putInForce = async (store: Store, { number, shards }: Generation): Promise<boolean> =>
  (await store.redis.eval(inForce, 1, metaKey(store.group), number, shards)) === 1

/** Generations that were replaced and not deleted to their end. */
async function replacedGenerations({ redis, group }: Store): Promise<Generation[]> {
  const meta = await redis.hgetall(metaKey(group))
  return Object.entries(meta).flatMap(([field, shards]) =>
    field.startsWith(replaced) ? [{ number: Number(field.slice(replaced.length)), shards: Number(shards) }] : [],
  )
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

/** Deletes the generations that were replaced. Under the lock. */
export async function deleteReplaced(store: Store): Promise<void> {
  for (const generation of await replacedGenerations(store)) {
    await deleteGeneration(store, generation)
    await store.redis.hdel(metaKey(store.group), `${replaced}${generation.number}`)
  }
}

/** Deletes what somebody who died has left behind, unless somebody is rebuilding: then it is theirs. */
export async function deleteLeftBehind(store: Store): Promise<void> {
  if ((await replacedGenerations(store)).length > 0) await underLock(store, () => deleteReplaced(store))
}
