/** What a batch means for its partitions: how far each moves, where it stood before, and whether records are missing in between. */
import { type Applied, positionOf, type Raw } from '../batch.ts'
import type { CountedStep } from '../counters/fill.ts'
import type { Intake } from '../intake/intake.ts'
import type { Partition } from '../intake/partition.ts'
import { type Move, recordHash } from '../intake/progress.ts'
import { partitionName } from '../state/profiles.ts'

/** Where the partitions of records are found. */
type Owned = Pick<Intake, 'partition'>

export const partitionsOf = (owned: Owned, raws: readonly Raw[]): Set<Partition> =>
  new Set(raws.flatMap((raw) => owned.partition(raw) ?? []))

/** What is applied to the customers of the batch's partitions when all batches before it are recorded, by `partitionName`. */
export function appliedBefore(owned: Owned, raws: readonly Raw[]): Map<string, Applied> {
  const found = new Map<string, Applied>()
  const positionIn = (raw: Raw, topic: 'outcomes' | 'parties') => {
    const p = owned.partition({ ...raw, topic })
    return p ? positionOf(p.log, p.chain) : 0
  }
  for (const raw of raws) {
    const name = partitionName(raw)
    if (!found.has(name)) found.set(name, { outcomes: positionIn(raw, 'outcomes'), parties: positionIn(raw, 'parties') })
  }
  return found
}

/** Moves the partitions past the batch. Returns their steps in it, and where each then stands. */
export function movePast(owned: Owned, raws: readonly Raw[]): { moves: Move[]; partitions: Map<Partition, number>; steps: CountedStep[] } {
  const last = new Map<Partition, Raw>()
  for (const raw of raws) {
    const p = owned.partition(raw)
    if (p) last.set(p, raw)
  }
  const moves: Move[] = []
  const steps: CountedStep[] = []
  const partitions = new Map<Partition, number>()
  for (const [p, raw] of last) {
    const to = raw.offset + 1
    const { tenant, topic, partition } = p.place
    moves.push({ tenant, topic, partition, epoch: p.epoch, from: p.chain, to, lastRecord: recordHash(raw) })
    if (topic === 'transactions' || topic === 'labels')
      steps.push({ tenant, topic, partition, from: positionOf(p.log, p.chain), to: positionOf(p.log, to) })
    p.chain = to
    partitions.set(p, to)
  }
  return { moves, partitions, steps }
}

/** Moves partitions back to where they stood, unless they were claimed anew since. */
export function moveBack(owned: Owned, moves: readonly Move[]): void {
  for (const move of moves) {
    const p = owned.partition({ ...move, log: 0, offset: 0, received: 0, key: null, value: null })
    if (p && p.epoch === move.epoch) p.chain = move.from
  }
}

/** Partitions whose first record here is not the one that their progress waits for: taking it would leave a hole. */
export function torn(owned: Owned, raws: readonly Raw[]): Partition[] {
  const first = new Map<Partition, Raw>()
  for (const raw of raws) {
    const p = owned.partition(raw)
    if (p && !first.has(p)) first.set(p, raw)
  }
  return [...first].flatMap(([p, raw]) => (raw.follows !== undefined && raw.follows > p.chain ? [p] : []))
}
