import { randomBytes } from 'node:crypto'
import { parseSqlAddress } from '../../services/shared/config.ts'
import { createDatabase } from '../../services/shared/tidb/database.ts'
import { bringUpForTests } from './test-stack.ts'

const ADDRESSES = ['ASSAY_KAFKA', 'ASSAY_TIDB', 'ASSAY_REDIS']

/** Drops what tests left for the next one, which may be in another file. */
async function dropDatabases(begin: string): Promise<void> {
  const server = createDatabase(parseSqlAddress(process.env.ASSAY_TIDB ?? '', 'information_schema'))
  const names = await server.query<{ name: string }>('SELECT schema_name AS name FROM schemata WHERE schema_name LIKE ?', [`${begin}%`])
  for (const { name } of names) await server.execute(`DROP DATABASE \`${name}\``)
  await server.stop()
}

/**
 * Servers for a run of vitest that `npm test` did not prepare, and a name for its databases. Every project loads this file anew, so
 * what the first one brought up is known to the next by the environment, and only the first one ends it.
 */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  // Brokers of the tests' own live for seconds: compiling them well would cost half of what they do.
  process.env.JAVA_TOOL_OPTIONS ??= '-XX:TieredStopAtLevel=1'
  if (process.env.ASSAY_TEST_DATABASES) return undefined
  const begin = `assay_test_${randomBytes(3).toString('hex')}_`
  process.env.ASSAY_TEST_DATABASES = begin
  if (ADDRESSES.every((name) => process.env[name])) return () => dropDatabases(begin)
  const { end } = await bringUpForTests()
  return end
}
