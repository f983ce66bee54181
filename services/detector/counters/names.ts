/** What counters are called in Redis. Keys of one shard have its hash tag, so that a script may touch them all on a cluster too. */
import { type EntityType, namedBy } from '../../../models/fold/counter-features.ts'
import { hashOf } from '../../../models/fold/entry.ts'
import type { Transaction } from '../../shared/events.ts'
import type { Place } from '../batch.ts'

/** Counters are kept in generations: one is in force, the next may be being filled. `shards` is fixed for each. */
export type Generation = { number: number; shards: number }

/** Shards of a generation that is not given another number. */
export const usualShards = 4

/** The hash that says which generation is in force, and which is being filled. */
export const metaKey = (group: string): string => `${group}:counters`
export const lockKey = (group: string): string => `${group}:counters:lock`

const prefixOf = (group: string, generation: number, shard: number | '*'): string => `{${group}:${shard}}${generation}:`
/** The hash of a shard's positions by `chainOf`. */
export const positionsKey = (group: string, { number }: Generation, shard: number): string => `${prefixOf(group, number, shard)}positions`
/** Matches every key of a generation, for SCAN. */
export const patternOf = (group: string, generation: number): string =>
  `${prefixOf(group, generation, '*').replace(/[\\?[\]^-]/g, '\\$&')}*`
export const shardOf = (entity: string, shards: number): number => hashOf(entity) % shards
/** What the keys of a generation's shards begin with; the name of the entity follows. */
export const prefixesOf = (group: string, { number, shards }: Generation): string[] =>
  Array.from({ length: shards }, (_, shard) => prefixOf(group, number, shard))

/** The chain of positions that a partition's counters follow. */
export const chainOf = ({ tenant, topic, partition }: Pick<Place, 'tenant' | 'topic' | 'partition'>): string =>
  `${tenant}:${topic}:${partition}`

export type Parties = Pick<Transaction, EntityType>

const letters = ['c', 'd', 'i']

/** The entities of a transaction in the order of `entityTypes`; undefined where it names none. */
export const entitiesOf = (tenant: string, parties: Parties): (string | undefined)[] =>
  namedBy(parties).map((value, type) => (value === undefined ? undefined : `${letters[type]}:${tenant}:${value}`))
