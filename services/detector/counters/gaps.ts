/** What was recorded of a partition and not counted: filled from TiDB, or, where it is too much, counted anew beside with everything else. */
import { messageOf } from '../../shared/errors.ts'
import type { Telemetry } from '../../shared/telemetry.ts'
import type { Database } from '../../shared/tidb/database.ts'
import { type CountedStep, countRows, fill } from './fill.ts'
import { chainOf, type Generation } from './names.ts'
import { rebuild } from './rebuild.ts'
import type { Store } from './store.ts'

/** Milliseconds between two looks at whether somebody rebuilds what is behind. */
const rebuildPause = 10_000

export type Gaps = {
  /** Closes a gap of a partition that lies between `stored` and the step. False when it is left as it is. */
  close(of: Generation, step: CountedStep, stored: number): Promise<boolean>
  /** Another generation is in force, in which nothing is known to be behind. */
  forget(): void
}

export function createGaps(d: {
  store: Store
  database: Database
  telemetry: Telemetry
  /** Rows of a gap that are filled while the partition waits. */
  mostFilled: number
  /** Finds the generation in force. */
  lookAgain: () => Promise<void>
  inBackground: (work: Promise<unknown>) => void
  stopped: () => boolean
}): Gaps {
  const { store, database, telemetry, mostFilled } = d
  const filled = telemetry.counter('assay_detector_counters_filled_total', 'Rows counted from TiDB, since Redis did not have them')
  const waiting = telemetry.gauge(
    'assay_detector_counters_behind',
    'Partitions whose counters stand still until a rebuild is done: npm run assay -- counters rebuild',
  )
  /** Partitions with more to fill than can be waited for, in the generation in force. */
  const behind = new Set<string>()
  /** Gaps that are being filled, by partition. */
  const closing = new Map<string, Promise<void>>()
  let rebuilding = false

  /** Rebuilds, unless somebody else does, until nothing is behind. */
  const rebuildUntilDone = async () => {
    while (behind.size > 0 && !d.stopped()) {
      const done = await rebuild(store, database, { stopped: d.stopped }).catch((error: unknown) => {
        telemetry.logger.warn({ reason: messageOf(error) }, 'the counters were not rebuilt; trying again')
      })
      if (done) telemetry.logger.info(done, 'the counters were rebuilt')
      else
        for (let waited = 0; waited < rebuildPause && !d.stopped(); waited += 100) await new Promise((resolve) => setTimeout(resolve, 100))
      await d.lookAgain()
    }
  }
  /** More is missing than a batch can wait for: goes on with what there is, and has it all counted anew beside. */
  const fallBehind = (chain: string) => {
    behind.add(chain)
    waiting.set(behind.size)
    telemetry.logger.warn(
      { partition: chain },
      `the counters lack more than ${mostFilled} rows of ${chain}, and stand still there until they are rebuilt: npm run assay -- counters rebuild`,
    )
    if (rebuilding) return
    rebuilding = true
    d.inBackground(
      rebuildUntilDone().finally(() => {
        rebuilding = false
      }),
    )
  }

  return {
    async close(of, { from, ...chain }, stored) {
      const name = chainOf(chain)
      if (behind.has(name)) return false
      if ((await countRows(database, chain, stored, from, mostFilled + 1)) > mostFilled) {
        fallBehind(name)
        return false
      }
      // Whoever comes second waits for the first, and looks again.
      if (closing.has(name)) {
        await closing.get(name)
        return true
      }
      let rows = 0
      const filling = fill(store, database, of, chain, stored, from, (n) => {
        rows += n
      })
      closing.set(name, filling)
      await filling.finally(() => closing.delete(name))
      filled.inc(rows)
      if (rows > 0) telemetry.logger.info({ partition: name, rows }, 'counted what Redis did not have')
      return true
    },
    forget() {
      behind.clear()
      waiting.set(0)
    },
  }
}
