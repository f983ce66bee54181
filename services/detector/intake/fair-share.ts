/** A batch's records: from each bank in turn, so that one that floods does not make the others wait. */
import type { Raw } from '../batch.ts'
import { bytesOf, type Partition } from './partition.ts'

/** Bytes of one batch: far below what TiDB takes in one transaction and one statement. */
const mostBytes = 8 * 1024 * 1024

/**
 * Makes the taker: at most `limit` records, and no more bytes than a transaction holds, all to be decided or all to be read back. It
 * begins with another partition each time.
 */
export function createFairShare(): (partitions: readonly Partition[], limit: number) => Raw[] {
  let turn = 0
  return function take(partitions, limit) {
    const full = partitions.filter((p) => p.waiting > 0)
    if (full.length === 0) return []
    turn = (turn + 1) % full.length
    const order = [...full.slice(turn), ...full.slice(0, turn)]
    const past = (p: Partition) => (p.peek()?.offset ?? 0) < p.next
    const readBack = past(order[0])
    const banks = new Set(order.map((p) => p.place.tenant)).size
    const taken: Raw[] = []
    let bytes = 0
    const share = new Map<string, number>()
    // A bank's share first, then whatever room is left.
    for (const most of [Math.ceil(limit / banks), limit]) {
      for (const p of order) {
        if (past(p) !== readBack || taken.length >= limit || bytes >= mostBytes) continue
        const used = share.get(p.place.tenant) ?? 0
        const records = p.take(Math.min(limit - taken.length, most - used), mostBytes - bytes)
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
