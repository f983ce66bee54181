/** TiDB and Kafka as a service that answers HTTP waits for them: it listens first, and says meanwhile what is missing. */
import type { Bus } from './kafka/bus.ts'
import { type Health, type Part, stopAll, untilItWorks } from './lifecycle.ts'
import type { Telemetry } from './telemetry.ts'
import type { Database } from './tidb/database.ts'

export type Backing = Part & {
  health(): Health
  /** Call it first when the service stops, since what is closed before this may take long. */
  endWaiting(): void
}

/** Waits for TiDB, then for Kafka; its health says for which, and both are closed at the stop. `service` names who waits. */
export function createBacking(service: string, database: Database, bus: Bus, telemetry: Telemetry): Backing {
  let stopped = false
  let problem: string | undefined = `the ${service} has not started`
  return {
    name: 'TiDB and Kafka',
    health: () => ({ ready: problem === undefined, problems: problem === undefined ? [] : [problem] }),
    async start() {
      problem = 'waiting for TiDB'
      await untilItWorks('TiDB', telemetry, () => stopped, database.ping)
      problem = 'waiting for Kafka'
      await untilItWorks('Kafka', telemetry, () => stopped, bus.start)
      problem = undefined
    },
    endWaiting() {
      stopped = true
    },
    async stop() {
      stopped = true
      await stopAll([database, bus])
    },
  }
}
