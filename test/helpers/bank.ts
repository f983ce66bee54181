/** A bank on real servers with a detector of its own, and questions to its database. */
import { onTestFinished } from 'vitest'
import { inputs } from '../../services/detector/batch.ts'
import { createDetector } from '../../services/detector/service.ts'
import type { Config } from '../../services/shared/config.ts'
import { tenantTopic } from '../../services/shared/events.ts'
import type { Bus } from '../../services/shared/kafka/bus.ts'
import type { Service } from '../../services/shared/lifecycle.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import type { Settings, Tenant } from '../../services/shared/tidb/settings.ts'
import { testBus, testConfig, testDatabase, testTelemetry, testTenant } from './servers.ts'

export type Bank = { config: Config; database: Database; bus: Bus; tenant: Tenant; name: string }

/** A new bank with its database, its topics and its settings. */
export async function bank(settings: Partial<Settings> = {}, partitions?: number): Promise<Bank> {
  const config = testConfig()
  const database = await testDatabase(config)
  const bus = await testBus(config)
  const tenant = await testTenant(database, bus, settings, partitions)
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

/**
 * Whether progress has reached the end of each of a bank's topics. More may lie there than was sent: a label that waited for its transaction is
 * sent again.
 */
export async function isDecided(database: Database, bus: Bus, tenant: string): Promise<boolean> {
  const admin = await bus.admin()
  const rows = await database.query<{ topic: string; n: string }>(
    'SELECT topic, SUM(next_offset) AS n FROM progress WHERE tenant = ? GROUP BY topic',
    [tenant],
  )
  // Topics that were made a moment ago are not known to every client yet.
  const ends = await Promise.all(inputs.map((name) => admin.fetchTopicOffsets(tenantTopic(tenant, name)))).catch(() => undefined)
  return inputs.every(
    (name, i) => Number(rows.find(({ topic }) => topic === name)?.n) === ends?.[i].reduce((sum, { high }) => sum + Number(high), 0),
  )
}
