/** How much of what is fetched may wait, so that a flood fills Kafka and not a detector. */
import type { Partition } from './partition.ts'

/** Records of one partition: enough for as long as a fetch of the others waits for something to come. */
const mostRecords = 2048
/** Bytes of one partition, and of all together; when they are more, none may have more than its share of that. */
const [mostOfPartition, mostOfAll] = [4 * 1024 * 1024, 64 * 1024 * 1024]

/** Bytes that one fetch may bring of each of so many partitions. */
export const fetchBytes = (partitions: number): number => Math.min(524_288, Math.max(16_384, Math.ceil(mostOfAll / partitions)))

/** Those of `asked` that are fetched on, or again. A fetch may then go beyond what there was room for. */
export function withRoom<P extends Pick<Partition, 'waiting' | 'bytes'>>(asked: readonly P[], all: readonly P[]): P[] {
  if (asked.length === 0) return []
  const bytes = all.reduce((sum, p) => sum + p.bytes, 0)
  const most = bytes > mostOfAll ? mostOfAll / all.length : mostOfPartition
  return asked.filter((p) => p.waiting <= mostRecords && p.bytes <= most)
}
