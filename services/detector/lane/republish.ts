/** What of a batch that was read back is published again; partitions whose topic was made anew meanwhile are halted. */
import type { Raw, Verdict } from '../batch.ts'
import type { Intake } from '../intake/intake.ts'
import type { Partition } from '../intake/partition.ts'
import { recordHash } from '../intake/progress.ts'

/** Compares what `readBack` found with the progress of the partitions that the batch was `taken` from. */
export function toRepublish(
  intake: Pick<Intake, 'partition' | 'halt'>,
  raws: readonly Raw[],
  taken: ReadonlySet<Partition>,
  found: { verdicts: readonly Verdict[]; missing: readonly Raw[] },
): { wanted: Verdict[]; partitions: Map<Partition, number> } {
  const owned = (raw: Raw): Partition | undefined => {
    const p = intake.partition(raw)
    return p && taken.has(p) ? p : undefined
  }
  const madeAnew = (p: Partition, { offset }: Raw, what: string) => {
    const { tenant, topic, topicName, partition } = p.place
    intake.halt(
      p,
      `${topicName} partition ${partition} offset ${offset} ${what}, but ${p.next} is next by our progress: the topic was made anew. ` +
        `When the records in it now are to be decided, run: npm run assay -- progress reset --tenant ${tenant} --topic ${topic} --partition ${partition} --to 0`,
    )
  }
  const partitions = new Map<Partition, number>()
  const holes = new Set(found.missing)
  for (const raw of raws) {
    const p = owned(raw)
    if (!p || p.problem) continue
    if (holes.has(raw) && raw.offset >= p.publishFrom) madeAnew(p, raw, 'was never recorded')
    else if (raw.offset === p.next - 1 && p.lastRecord && !recordHash(raw).equals(p.lastRecord))
      madeAnew(p, raw, 'is not the record that was decided there')
    partitions.set(p, raw.offset + 1)
  }
  const wanted = found.verdicts.filter((v) => {
    const p = owned(v.raw)
    return p && !p.problem && v.raw.offset >= p.publishFrom
  })
  for (const p of partitions.keys()) if (p.problem || (partitions.get(p) ?? 0) <= p.publishFrom) partitions.delete(p)
  return { wanted, partitions }
}
