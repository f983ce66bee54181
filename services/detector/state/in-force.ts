/** What is in force: banks with their settings, rates and the model, read at start and every 5 seconds. */
import { messageOf } from '../../shared/errors.ts'
import type { Telemetry } from '../../shared/telemetry.ts'
import type { Database } from '../../shared/tidb/database.ts'
import { readTenants, type Tenant } from '../../shared/tidb/settings.ts'
import type { Rates } from './rates.ts'

export type InForce = {
  start(): Promise<void>
  stop(): Promise<void>
  tenants(): ReadonlyMap<string, Tenant>
}

const every = 5000

/** Makes it; `onNewTenants` is called when banks have come or gone. A read that fails keeps what was in force. */
export function createInForce(database: Database, rates: Rates, telemetry: Telemetry, onNewTenants: () => void): InForce {
  let tenants: ReadonlyMap<string, Tenant> = new Map()
  let timer: NodeJS.Timeout | undefined
  let reading: Promise<void> = Promise.resolve()

  const read = async () => {
    const [list] = await Promise.all([readTenants(database), rates.refresh()])
    const next = new Map(list.map((t) => [t.tenant, t]))
    const changed = next.size !== tenants.size || [...next.keys()].some((t) => !tenants.has(t))
    tenants = next
    if (changed) onNewTenants()
  }
  return {
    tenants: () => tenants,
    async start() {
      await read()
      timer = setInterval(() => {
        reading = read().catch((error: unknown) =>
          telemetry.logger.warn({ reason: messageOf(error) }, 'what is in force could not be read; what was goes on'),
        )
      }, every)
    },
    async stop() {
      clearInterval(timer)
      await reading
    },
  }
}
