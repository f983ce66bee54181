/** Real servers for a test, each thing with a name of its own and its own clean-up: a database, a bus, a tenant, a configuration. */
import { randomBytes } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { migrate } from '../../infra/migrations/migrate.ts'
import { migrations } from '../../infra/migrations/migrations.ts'
import { type Config, readConfig } from '../../services/shared/config.ts'
import { AssayError } from '../../services/shared/errors.ts'
import { type Bus, createBus } from '../../services/shared/kafka/bus.ts'
import { createTelemetry, type Telemetry } from '../../services/shared/telemetry.ts'
import { createDatabase, type Database, ensureDatabase } from '../../services/shared/tidb/database.ts'
import { createTenant, type Settings, type Tenant } from '../../services/shared/tidb/settings.ts'

export const unique = (prefix: string): string => `${prefix}${randomBytes(5).toString('hex')}`

/** How the names of a run's databases begin, so that its end finds them; `global-setup.ts` gives it. */
const databases = process.env.ASSAY_TEST_DATABASES ?? 'assay_test_'

/** A configuration on the test's servers with a database, a consumer group and ports of its own. */
export function testConfig(overrides: Record<string, string> = {}): Config {
  return readConfig({
    ASSAY_SECRET: 'a secret that only the tests know, 32+',
    ASSAY_GATEWAY_PORT: '0',
    ASSAY_CONSOLE_PORT: '0',
    ASSAY_HEALTH_PORT: '0',
    ASSAY_LOG_LEVEL: 'silent',
    ...process.env,
    ASSAY_DATABASE: unique(databases),
    ASSAY_GROUP: unique('test-'),
    ...overrides,
  })
}

export const testTelemetry = (): Telemetry => createTelemetry('test', process.env.ASSAY_LOG_LEVEL ?? 'silent')

/** Names of migrated databases that are empty again, for the next test of the same process; they are dropped at the end of the run. */
const free: string[] = []
const tables = migrations.flatMap(({ name }) => (name.startsWith('table ') ? [name.slice('table '.length)] : []))
const filledTables = tables.map((table) => `(SELECT '${table}' AS name FROM ${table} LIMIT 1)`).join(' UNION ALL ')

/**
 * A migrated database for the configuration, which gets its name; emptied when the test is over, for the next one. Pass `keep` for one that a
 * whole file shares and drops itself.
 */
export async function testDatabase(config: Config, options: { keep?: boolean } = {}): Promise<Database> {
  const emptied = free.pop()
  if (emptied) config.sql.database = emptied
  else await ensureDatabase(config.sql)
  const database = createDatabase(config.sql)
  if (!emptied) await migrate(database)
  if (!options.keep)
    onTestFinished(async () => {
      for (const { name } of await database.query<{ name: string }>(filledTables)) await database.execute(`DELETE FROM ${name}`)
      await database.stop()
      free.push(config.sql.database)
    })
  return database
}

/** Drops a test's database and closes the pool; refuses one that is not a test's. */
export async function dropDatabase(config: Config, database: Database): Promise<void> {
  const name = config.sql.database
  if (!name.startsWith('assay_test_')) throw new AssayError('not_a_test_database', `${name} is not a test's database, so it is not dropped`)
  await database.execute(`DROP DATABASE IF EXISTS \`${name}\``)
  await database.stop()
}

export async function testBus(config: Config, options: { keep?: boolean } = {}): Promise<Bus> {
  const bus = createBus(config.kafka, { name: unique('test-'), telemetry: testTelemetry() })
  await bus.start()
  if (!options.keep) onTestFinished(() => bus.stop())
  return bus
}

/** A bank of the test's own, with its topics. */
export const testTenant = (database: Database, bus: Bus, settings: Partial<Settings> = {}, partitions = 2): Promise<Tenant> =>
  createTenant(database, bus, { tenant: unique('bank-'), partitions, settings })

/** Waits until `look` gives something other than undefined or false; throws what it waited for after `seconds`. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  seconds = 30,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000
  // Looking takes the time of those that are looked at: less often, the longer it lasts.
  for (let pause = 20; ; pause = Math.min(pause * 1.3, 150)) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}
