/** A bank on real servers with a detector of its own, and questions to its database. */
import { onTestFinished } from 'vitest'
import { createDetector } from '../../services/detector/service.ts'
import type { Bus } from '../../services/shared/bus.ts'
import type { Config } from '../../services/shared/config.ts'
import type { Database } from '../../services/shared/database.ts'
import type { Service } from '../../services/shared/lifecycle.ts'
import type { Settings, Tenant } from '../../services/shared/settings.ts'
import { testBus, testConfig, testDatabase, testTelemetry, testTenant } from './servers.ts'

export type Bank = { config: Config; database: Database; bus: Bus; tenant: Tenant; name: string }

/** A new bank with its database, its topics and its settings. */
export async function bank(settings: Partial<Settings> = {}): Promise<Bank> {
  const config = testConfig()
  const database = await testDatabase(config)
  const bus = await testBus(config)
  const tenant = await testTenant(database, bus, settings)
  return { config, database, bus, tenant, name: tenant.tenant }
}

/** A detector that runs until the test is over. */
export async function detector(config: Config, clock?: () => number): Promise<Service> {
  const service = createDetector(config, testTelemetry(), clock ? { clock } : {})
  onTestFinished(() => service.stop())
  await service.start()
  return service
}

/** Rows of a statement whose one placeholder is the bank. */
export const rows = <T>(b: Bank, sql: string): Promise<T[]> => b.database.query<T>(sql, [b.name])

export const decidedIds = async (b: Bank): Promise<string[]> =>
  (await rows<{ id: string }>(b, 'SELECT id FROM transactions WHERE tenant = ?')).map((r) => r.id)

/** Sum of next offsets over a topic's partitions: how many records have an outcome. */
export async function progressOf(b: Bank, topic = 'transactions'): Promise<number> {
  const parts = await b.database.query<{ next_offset: number }>('SELECT next_offset FROM progress WHERE tenant = ? AND topic = ?', [
    b.name,
    topic,
  ])
  return parts.reduce((sum, p) => sum + p.next_offset, 0)
}
