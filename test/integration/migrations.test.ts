import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { migrate } from '../../infra/migrations/migrate.ts'
import { migrations } from '../../infra/migrations/migrations.ts'
import { launchServer } from '../../infra/stack/launch.ts'
import { mariadb } from '../../infra/stack/mariadb.ts'
import { commandPath } from '../../infra/stack/programs.ts'
import { down } from '../../infra/stack/stack.ts'
import type { Config } from '../../services/shared/config.ts'
import { createDatabase, type Database, ensureDatabase, isDuplicate, type Value } from '../../services/shared/tidb/database.ts'
import { dropDatabase, testConfig } from '../helpers/servers.ts'

/** An empty database of the test's own. */
async function emptyDatabase(overrides: Record<string, string>): Promise<{ config: Config; database: Database }> {
  const config = testConfig(overrides)
  await ensureDatabase(config.sql)
  const database = createDatabase(config.sql)
  onTestFinished(() => dropDatabase(config, database))
  return { config, database }
}

const transaction = (id: string, customer: string, time: number): Record<string, Value> => ({
  tenant: 'bank',
  customer,
  time,
  id,
  event: Buffer.from('{}'),
  content_hash: Buffer.alloc(16),
  part: 0,
  log: 0,
  log_offset: 0,
  outcomes_to: 0,
  parties_to: 0,
  base_amount: 100,
  features: Buffer.alloc(80),
  feature_set: Buffer.alloc(8),
  score: 0.5,
  action: 0,
  alert: 0,
  sampled: 0,
  model: 1,
  policy: 1,
  backend: 0,
  received: time,
  decided: time,
})

const insert = (database: Database, row: Record<string, Value>) =>
  database.execute(
    `INSERT INTO transactions (${Object.keys(row).join(', ')}) VALUES (${Object.keys(row).map(() => '?')})`,
    Object.values(row),
  )

/** What every server must do. */
function migrationsWork(overrides: () => Record<string, string>): void {
  test('all steps run once, and a second run finds nothing to do', async () => {
    const { database } = await emptyDatabase(overrides())
    const reported: string[] = []
    expect(await migrate(database, (m) => reported.push(m.name))).toBe(migrations.length)
    expect(reported).toEqual(migrations.map((m) => m.name))
    expect(await migrate(database)).toBe(0)
  })

  test('two at once take turns, and each step is run by one of them', async () => {
    const { config, database } = await emptyDatabase(overrides())
    const other = createDatabase(config.sql)
    onTestFinished(() => other.stop())
    const ran = await Promise.all([migrate(database), migrate(other)])
    expect(ran.reduce((a, b) => a + b)).toBe(migrations.length)
    const noted = await database.query<{ id: number }>('SELECT id FROM migrations ORDER BY id')
    expect(noted.map((r) => r.id)).toEqual(migrations.map((m) => m.id))
  })

  test('a step that ran but was not noted before a crash runs again, and keeps the rows', async () => {
    const { database } = await emptyDatabase(overrides())
    await migrate(database)
    await insert(database, transaction('t1', 'c1', Date.now()))
    await database.execute('DELETE FROM migrations')
    expect(await migrate(database)).toBe(migrations.length)
    expect(await database.query('SELECT id FROM transactions')).toEqual([{ id: 't1' }])
  })

  test('an id is unique within its tenant, whoever the customer is and in whichever month it comes', async () => {
    const { database } = await emptyDatabase(overrides())
    await migrate(database)
    const now = Date.now()
    await insert(database, transaction('t1', 'c1', now))
    for (const time of [now, now - 40 * 86_400_000, now + 200 * 86_400_000]) {
      const error = await insert(database, transaction('t1', 'c2', time)).catch((e: unknown) => e)
      expect(isDuplicate(error)).toBe(true)
    }
    await insert(database, { ...transaction('t1', 'c1', now), tenant: 'other-bank' })
  })

  test('ids that differ in upper and lower case, or in a trailing character, are different ids', async () => {
    const { database } = await emptyDatabase(overrides())
    await migrate(database)
    for (const id of ['abc', 'ABC', 'abc.']) await insert(database, transaction(id, 'c1', 1_700_000_000_000))
    expect(await database.query('SELECT id FROM transactions WHERE tenant = ? AND id = ?', ['bank', 'ABC'])).toEqual([{ id: 'ABC' }])
  })

  test('every key of a table that holds rows of tenants begins with the tenant', async () => {
    const { database } = await emptyDatabase(overrides())
    await migrate(database)
    const keys = await database.query<{ t: string; k: string; c: string }>(
      `SELECT table_name AS t, index_name AS k, column_name AS c FROM information_schema.statistics
       WHERE table_schema = DATABASE() AND seq_in_index = 1 AND table_name IN
         (SELECT table_name FROM information_schema.columns WHERE table_schema = DATABASE() AND column_name = 'tenant')`,
    )
    expect(keys.length).toBeGreaterThan(15)
    // These look across all tenants: who a key or a name belongs to is what is asked of them, and a sweep serves all banks.
    const across = ['api_keys.PRIMARY', 'users.PRIMARY', 'cases.due', 'notifications.unsent']
    const others = keys.filter((k) => k.c !== 'tenant').map((k) => `${k.t}.${k.k}`)
    expect(others.filter((name) => !across.includes(name))).toEqual([])
  })

  test('a name for the lock fits a database whose name is as long as it may be', async () => {
    const { database } = await emptyDatabase({ ...overrides(), ASSAY_DATABASE: `assay_test_${Date.now()}_`.padEnd(64, 'x') })
    expect(await migrate(database)).toBe(migrations.length)
  })
}

describe('on the database of the environment', () => {
  migrationsWork(() => ({}))
})

describe.skipIf(!commandPath('mariadbd'))('on MariaDB', () => {
  const directory = mkdtempSync(join(tmpdir(), 'assay-maria-'))
  let address = ''

  beforeAll(async () => {
    const report = () => undefined
    const server = await launchServer(directory, 'sql', await mariadb(directory, report), report)
    address = `mysql://root@${server.address}`
  })
  afterAll(async () => {
    await down(directory, { erase: true })
    rmSync(directory, { recursive: true, force: true })
  })

  migrationsWork(() => ({ ASSAY_TIDB: address }))
})

describe('months of transactions on TiDB', () => {
  const names = async (database: Database) =>
    (
      await database.query<{ name: string }>(
        `SELECT partition_name AS name FROM information_schema.partitions WHERE table_schema = DATABASE() AND table_name = 'transactions'
         AND partition_name IS NOT NULL ORDER BY partition_ordinal_position`,
      )
    ).map((r) => r.name)

  test('are added ahead of time, rows that lay beyond the last one move into them, and an old one is dropped as a whole', async ({
    skip,
  }) => {
    const { database } = await emptyDatabase({})
    if ((await database.product()).name !== 'TiDB') skip('only TiDB cuts the table into months')
    await migrate(database)
    const first = await names(database)
    expect(first[0]).toBe('earlier')
    expect(first.at(-1)).toBe('later')
    const inFiveMonths = Date.now() + 150 * 86_400_000
    await insert(database, transaction('old', 'c1', 1_000_000_000_000))
    await insert(database, transaction('now', 'c1', Date.now()))
    await insert(database, transaction('future', 'c1', inFiveMonths))

    expect(await migrate(database, undefined, inFiveMonths)).toBe(1)
    const then = await names(database)
    expect(then.length).toBeGreaterThan(first.length + 3)
    expect(await database.query('SELECT id FROM transactions PARTITION (later)')).toEqual([])
    expect((await database.query('SELECT id FROM transactions ORDER BY time')).map((r) => (r as { id: string }).id)).toEqual([
      'old',
      'now',
      'future',
    ])
    expect(isDuplicate(await insert(database, transaction('future', 'c2', Date.now())).catch((e: unknown) => e))).toBe(true)

    await database.execute('ALTER TABLE transactions DROP PARTITION earlier')
    expect(await database.query('SELECT id FROM transactions WHERE tenant = ? AND id IN (?, ?)', ['bank', 'old', 'now'])).toEqual([
      { id: 'now' },
    ])
    await insert(database, transaction('old', 'c1', Date.now()))
  })

  test("a customer's history and a range of time read only their own months", async ({ skip }) => {
    const { database } = await emptyDatabase({})
    if ((await database.product()).name !== 'TiDB') skip('only TiDB cuts the table into months')
    await migrate(database)
    const read = async (sql: string, values: Value[]) => {
      const plan = await database.query<Record<string, string>>(`EXPLAIN ${sql}`, values)
      return (
        /partition:(\S*)/
          .exec(JSON.stringify(plan.map((step) => step['access object'])))?.[1]
          ?.replace(/".*/, '')
          .split(',') ?? []
      )
    }
    const now = Date.now()
    const history = 'SELECT * FROM transactions WHERE tenant = ? AND customer = ? AND time >= ? AND time < ?'
    expect((await read(history, ['bank', 'c1', now - 45 * 86_400_000, now])).length).toBeLessThanOrEqual(3)
    const range = 'SELECT * FROM transactions WHERE tenant = ? AND time >= ? AND time < ?'
    expect((await read(range, ['bank', now, now + 1])).length).toBe(1)
  })
})
