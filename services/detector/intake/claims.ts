/** Claiming a partition: its epoch is raised in TiDB, so that nobody else's batches of it are taken, and it is found where to begin. */
import { AssayError, messageOf } from '../../shared/errors.ts'
import type { Bus } from '../../shared/kafka/bus.ts'
import { untilItWorks } from '../../shared/lifecycle.ts'
import type { Telemetry } from '../../shared/telemetry.ts'
import type { Database } from '../../shared/tidb/database.ts'
import type { Partition } from './partition.ts'
import { claim } from './progress.ts'

type Deps = {
  bus: Bus
  database: Database
  telemetry: Telemetry
  group: string
  owner: string
  onUnknownHistory: (partition: Partition) => void
  onClaimed: (partition: Partition) => void
  idle: () => Promise<void>
  seek: (partition: Partition, offset: number) => void
  halt: (partition: Partition, problem: string) => void
  stopped: () => boolean
}

/** Asks once for all who ask for the same topic while the answer is under way: a detector claims many partitions at a time. */
function together<T>(ask: (topicName: string) => Promise<T>): (topicName: string) => Promise<T> {
  const asked = new Map<string, Promise<T>>()
  return (topicName) => {
    const answer = asked.get(topicName) ?? ask(topicName).finally(() => asked.delete(topicName))
    asked.set(topicName, answer)
    return answer
  }
}

/** Makes the claim: tries until it works, or the partition is someone else's. `before` is the partition as we owned it last. */
export function claimPartition(d: Deps) {
  const ask = async (topicName: string) => (await d.bus.admin()).fetchTopicOffsets(topicName)
  const ends = together(ask)
  const committed = together(async (topicName) => (await d.bus.admin()).fetchOffsets({ groupId: d.group, topics: [topicName] }))
  const logOf = async ({ topicName, partition }: Partition['place'], look: typeof ask) => {
    const log = (await look(topicName)).find((o) => o.partition === partition)
    if (!log) throw new AssayError('partition_missing', `${topicName} has no partition ${partition}`)
    return { low: Number(log.low), high: Number(log.high) }
  }
  /** Once: halts the partition when progress lies outside the log. */
  const open = async (p: Partition, before: Partition | undefined) => {
    const { topicName, partition } = p.place
    let { low, high } = await logOf(p.place, ends)
    const [offsets] = await committed(topicName)
    const stored = Number(offsets.partitions.find((o) => o.partition === partition)?.offset ?? -1)
    await d.idle()
    // The batch in hand may have taken long; who has it by now would be shut out.
    if (p.lost) return
    const claimed = await claim(d.database, p.place, d.owner, before?.epoch, low)
    if (p.lost) return
    p.epoch = claimed.epoch
    p.log = claimed.log
    p.next = claimed.nextOffset
    p.chain = claimed.nextOffset
    p.lastRecord = claimed.lastRecord
    p.publishFrom = stored < 0 ? low : stored
    if (!claimed.intact) d.onUnknownHistory(p)
    // An owner of before may have gone on until it was shut out.
    if (p.next > high) ({ low, high } = await logOf(p.place, ask))
    if (p.lost) return
    if (p.next > high || p.next < low) {
      d.halt(
        p,
        `${topicName} partition ${partition} holds offsets ${low} to ${high}, but ${p.next} is next by our progress: the topic was made anew, or lost records before they were decided. ` +
          `When the records in it now are to be decided, run: npm run assay -- progress reset --tenant ${p.place.tenant} --topic ${p.place.topic} --partition ${partition} --to ${low}`,
      )
      return
    }
    d.seek(p, Math.max(low, Math.min(p.publishFrom, p.next - 1)))
  }
  return async function claimPartition(p: Partition, before: Partition | undefined): Promise<void> {
    const over = () => d.stopped() || p.lost
    await untilItWorks(`claim ${p.place.topicName} ${p.place.partition}`, d.telemetry, over, async () => {
      if (over()) return
      await open(p, before).catch((error: unknown) => {
        p.hindrance = `partitions cannot be claimed: ${messageOf(error)}`
        throw error
      })
    }).catch(() => undefined)
    if (over()) return
    p.claimed = true
    p.hindrance = undefined
    d.onClaimed(p)
  }
}
