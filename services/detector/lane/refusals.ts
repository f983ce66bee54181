/** What the database would not take: ids that it has already, and records that it never will. */
import type { Telemetry } from '../../shared/telemetry.ts'
import type { Raw } from '../batch.ts'
import type { Partition } from '../intake/partition.ts'
import { placeOf } from '../parse.ts'
import type { Recorded } from '../record.ts'

type Batch = { raws: readonly Raw[]; partitions: ReadonlyMap<Partition, number> }

export type Refusals = {
  /** What the database said of records that it will never take, by `placeOf`: they become dead letters. */
  readonly condemned: ReadonlyMap<string, string>
  /** Notes what became of a batch. */
  note(batch: Batch, outcome: Recorded): void
  /** Whether the ids in one of these partitions are all to be looked for, since the database refused one of them. */
  checkAll(partitions: Iterable<Partition>): boolean
  problem(): string | undefined
}

export function createRefusals(telemetry: Telemetry): Refusals {
  /** Up to where each partition's ids are all looked for. */
  const taken = new Map<Partition, number>()
  const condemned = new Map<string, string>()
  /** Batches in a row that were not recorded since an id of theirs was taken. */
  let takenInARow = 0
  return {
    condemned,
    note({ raws, partitions }, outcome) {
      takenInARow = outcome.result === 'taken' ? takenInARow + 1 : 0
      if (outcome.result === 'recorded') {
        if (condemned.size > 0) for (const raw of raws) condemned.delete(placeOf(raw))
        for (const [p, to] of partitions) if (to >= (taken.get(p) ?? 0)) taken.delete(p)
      }
      if (outcome.result === 'taken') for (const [p, to] of partitions) taken.set(p, to)
      if (outcome.result !== 'refused') return
      for (const { raw, detail } of outcome.refused) {
        telemetry.logger.error(
          { ...raw, key: undefined, value: undefined, detail },
          'the database does not take a record; it becomes a dead letter',
        )
        condemned.set(placeOf(raw), detail)
      }
    },
    checkAll(partitions) {
      for (const p of partitions) if (taken.has(p)) return true
      return false
    },
    problem: () => (takenInARow >= 5 ? 'a batch is not recorded, again and again, since TiDB has an id of it already' : undefined),
  }
}
