/**
 * Counting everything anew: a new generation is filled from TiDB while detectors go on with the old one, then takes its place. What is
 * decided meanwhile is found as a gap of the new one, and filled as any gap is.
 */
import { AssayError } from '../../shared/errors.ts'
import type { Database } from '../../shared/tidb/database.ts'
import { positionOf } from '../batch.ts'
import { type Chain, fill } from './fill.ts'
import { beginGeneration, deleteReplaced, putInForce, underLock } from './generations.ts'
import { chainOf, type Generation } from './names.ts'
import type { Store } from './store.ts'

/** Offsets that may be left to the detectors when the new generation takes over. */
const fewLeft = 20_000
/** Partitions that are filled at the same time, so that TiDB reads while Redis counts. */
const together = 4

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

/**
 * Fills a new generation and puts it in force; undefined when somebody else is doing so. `progress` is told after each query how many rows
 * have been counted.
 */
export function rebuild(
  store: Store,
  database: Database,
  options: { shards?: number; stopped?: () => boolean; progress?: (rows: number) => void } = {},
): Promise<Rebuilt | undefined> {
  return underLock(store, async (lost) => {
    const began = Date.now()
    const next = await beginGeneration(store, options.shards)
    await deleteReplaced(store)
    const rows = await fillAll(store, database, next, (n) => {
      options.progress?.(n)
      if (lost()) throw new AssayError('rebuild_overtaken', 'another rebuild of the counters has begun; this one ends')
      if (options.stopped?.()) throw new AssayError('rebuild_stopped', 'the rebuild of the counters was stopped; run it again')
    })
    if (!(await putInForce(store, next)))
      throw new AssayError('rebuild_overtaken', 'another rebuild of the counters has begun, or Redis was emptied; this one ends')
    await deleteReplaced(store)
    return { generation: next.number, shards: next.shards, rows, seconds: (Date.now() - began) / 1000 }
  })
}

/** Counts all that is recorded, until so little is left that the detectors may fill it. Gives the rows; `progress` may end it by throwing. */
async function fillAll(store: Store, database: Database, next: Generation, progress: (rows: number) => void): Promise<number> {
  let rows = 0
  const stood = new Map<string, number>()
  for (;;) {
    const chains = await recordedProgress(database)
    const left = chains.filter((chain) => (stood.get(chainOf(chain)) ?? 0) < chain.position)
    const offsets = left.reduce((sum, chain) => sum + chain.position - (stood.get(chainOf(chain)) ?? 0), 0)
    if (left.length === 0 || (stood.size > 0 && offsets <= fewLeft)) return rows
    const work = async () => {
      for (let chain = left.pop(); chain; chain = left.pop()) {
        const { position, ...of } = chain
        await fill(store, database, next, of, stood.get(chainOf(of)) ?? 0, position, (n) => {
          rows += n
          progress(rows)
        })
        stood.set(chainOf(of), position)
      }
    }
    await Promise.all(Array.from({ length: together }, work))
  }
}
