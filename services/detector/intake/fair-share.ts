/** A batch's records: from each bank in turn, so that one that floods does not make the others wait. */
import type { Raw } from '../batch.ts'
import { bytesOf, type Partition } from './partition.ts'

/** Bytes of one batch: far below what TiDB takes in one transaction and one statement. */
const mostBytes = 8 * 1024 * 1024

/**
 * Part of a full batch that is taken while one bank floods and another one is up to date, and for how many batches after that was last seen. A record
 * waits for two batches or three, so that it is their size for which whoever is up to date waits.
 */
const [shortBatch, shortFor] = [1 / 4, 100]

const waitingOf = (partitions: readonly Partition[]): Map<string, number> => {
  const waiting = new Map<string, number>()
  for (const p of partitions) waiting.set(p.place.tenant, (waiting.get(p.place.tenant) ?? 0) + p.waiting)
  return waiting
}

/**
 * Makes the taker: at most `limit` records, and no more bytes than a transaction holds, all to be decided or all to be read back. It
 * begins with another partition each time.
 */
export function createFairShare(): (partitions: readonly Partition[], limit: number) => Raw[] {
  let turn = 0
  let short = 0

  const sizeOf = (waiting: ReadonlyMap<string, number>, limit: number): number => {
    const isFlooded = Math.max(...waiting.values()) > limit
    if (isFlooded && Math.min(...waiting.values()) <= limit / waiting.size) short = shortFor
    return isFlooded && short-- > 0 ? Math.ceil(limit * shortBatch) : limit
  }
  return function take(partitions, limit) {
    const full = partitions.filter((p) => p.waiting > 0)
    if (full.length === 0) return []
    turn = (turn + 1) % full.length
    const order = [...full.slice(turn), ...full.slice(0, turn)]
    const past = (p: Partition) => (p.peek()?.offset ?? 0) < p.next
    const readBack = past(order[0])
    const waiting = waitingOf(order)
    const size = sizeOf(waiting, limit)
    const taken: Raw[] = []
    let bytes = 0
    const share = new Map<string, number>()
    // A bank's share first, then whatever room is left.
    for (const most of [Math.ceil(size / waiting.size), size]) {
      for (const p of order) {
        if (past(p) !== readBack || taken.length >= size || bytes >= mostBytes) continue
        const used = share.get(p.place.tenant) ?? 0
        const records = p.take(Math.min(size - taken.length, most - used), mostBytes - bytes)
        share.set(p.place.tenant, used + records.length)
        for (const r of records) {
          taken.push(r)
          bytes += bytesOf(r)
        }
      }
    }
    return taken
  }
}
