/** What Kafka gives is put into the partition's queue, once the partition is claimed; without room for more it is not fetched. */
import type { EachBatchPayload } from 'kafkajs'
import type { Bus } from '../../shared/kafka/bus.ts'
import type { Changes } from './changes.ts'
import type { Partition } from './partition.ts'

/**
 * What is put into the queues. A partition without room pauses, and the others are fetched on: kafkajs fetches from a broker again only when all
 * that it gave has been received, so that whoever waited for room here would make all banks wait.
 */
export function receive(d: {
  bus: Bus
  hasRoom: (partition: Partition) => boolean
  changes: Changes
  partition: (topicName: string, partition: number) => Partition | undefined
  seek: (partition: Partition, offset: number) => void
  halt: (partition: Partition, problem: string) => void
  /** Called when records have come. */
  wake: () => void
  stopped: () => boolean
}) {
  /** Halts a partition whose next records Kafka has deleted, once those that are here have been taken. */
  const haltIfDeleted = async (p: Partition, heartbeat: () => Promise<void>): Promise<boolean> => {
    const { tenant, topic, topicName, partition } = p.place
    const log = (await (await d.bus.admin()).fetchTopicOffsets(topicName)).find((o) => o.partition === partition)
    const low = Number(log?.low ?? 0)
    const wanted = Math.max(p.expected, p.next)
    if (low <= wanted) return false
    while (p.waiting > 0 && !p.lost && !p.problem && !d.stopped()) {
      await d.changes.next()
      await heartbeat()
    }
    d.halt(
      p,
      `${topicName} partition ${partition} begins at offset ${low}, but ${wanted} is next by our progress: Kafka has deleted records before they were decided. ` +
        `When the records that are left are to be decided, run: npm run assay -- progress reset --tenant ${tenant} --topic ${topic} --partition ${partition} --to ${low}`,
    )
    return true
  }
  return async function receive({ batch, resolveOffset, heartbeat, isStale, isRunning, pause }: EachBatchPayload): Promise<void> {
    const p = d.partition(batch.topic, batch.partition)
    if (!p) return
    // A claim may take long. Without heartbeats Kafka would give the partition away, and others would wait for ours.
    while (!p.claimed && !p.lost && !d.stopped()) {
      await d.changes.next()
      await heartbeat()
    }
    if (p.lost || p.problem || isStale() || !isRunning()) return
    const fetched = Number((batch as unknown as { fetchedOffset: string }).fetchedOffset)
    if (p.skips(fetched) && (await haltIfDeleted(p, heartbeat))) return
    const instead = p.accept(fetched, Number(batch.lastOffset()), batch.messages)
    if (instead !== undefined) return d.seek(p, instead)
    resolveOffset(batch.lastOffset())
    // All partitions of one fetch meet in one batch.
    queueMicrotask(d.wake)
    if (!p.resume && !d.hasRoom(p)) p.resume = pause()
    await heartbeat()
  }
}
