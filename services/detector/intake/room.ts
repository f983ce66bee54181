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
  const share = mostOfAll / all.length
  let bytes: number | undefined
  // Most hold no more than their share, and then nobody has to ask what all hold.
  const withinAll = (p: P) => {
    if (p.bytes <= share) return true
    bytes ??= all.reduce((sum, { bytes: of }) => sum + of, 0)
    return bytes <= mostOfAll
  }
  return asked.filter((p) => p.waiting <= mostRecords && p.bytes <= mostOfPartition && withinAll(p))
}
