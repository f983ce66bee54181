/** Publishes batches in the order in which they were recorded, and has Kafka's offsets committed after each. */
import { untilItWorks } from '../../shared/lifecycle.ts'
import type { Telemetry } from '../../shared/telemetry.ts'
import type { Verdict } from '../batch.ts'
import type { Intake } from '../intake/intake.ts'
import type { Partition } from '../intake/partition.ts'
import type { Meters } from '../meters.ts'
import type { Detection } from '../pipeline.ts'

export type Publishing = {
  /** Publishes a batch after those before it, until it works; its offsets are committed when the counters have `moved`, too. */
  add(verdicts: readonly Verdict[], partitions: ReadonlyMap<Partition, number>, moved?: Promise<void>): void
  /** Batches that are not published yet. */
  waiting(): number
  /** Resolves when all that was added is published; rejects when the detector stops before. */
  done(): Promise<void>
}

export function createPublishing(d: {
  intake: Pick<Intake, 'commit'>
  detection: Pick<Detection, 'publish'>
  telemetry: Telemetry
  meters: Meters
  stopped: () => boolean
}): Publishing {
  let published: Promise<void> = Promise.resolve()
  let waiting = 0
  return {
    add(verdicts, partitions, moved) {
      const before = published
      waiting++
      published = (async () => {
        await before
        await untilItWorks('publish', d.telemetry, d.stopped, () => d.detection.publish(verdicts))
        // Counters follow what TiDB has; until they do, a next owner looks back this far.
        await moved
        d.intake.commit(partitions)
        d.meters.published(verdicts)
        waiting--
      })()
      published.catch(() => undefined)
    },
    waiting: () => waiting,
    done: () => published,
  }
}
