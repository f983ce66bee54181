/** Brings the database to the newest schema. Safe when two run at once, and each step can be run again. */
import { createHash } from 'node:crypto'
import { AssayError } from '../../services/shared/errors.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { type Migration, migrations } from './migrations.ts'
import { addMonths } from './months.ts'

const patience = 60

/** Where the months of transactions end; null where the table is not cut into months. */
const lastMonthEnds = `SELECT MAX(CAST(partition_description AS SIGNED)) AS v FROM information_schema.partitions
  WHERE table_schema = DATABASE() AND table_name = 'transactions' AND partition_name IS NOT NULL AND partition_name <> 'later'`

/**
 * Runs what has not been run, and says each step to `report`. Returns how many ran. Two at once are harmless: they take turns by a
 * lock of the server, and a step that ran but was not noted (a crash in between) runs again without effect. Each run also adds the
 * months of transactions that begin within three months of `now`.
 * Throws `migrate_busy` when another one holds the lock for a minute.
 */
export async function migrate(
  database: Database,
  report: (migration: Migration) => void = () => undefined,
  now = Date.now(),
): Promise<number> {
  const connection = await database.connect()
  try {
    const first = async <T>(sql: string, values: unknown[] = []): Promise<T> =>
      ((await connection.query(sql, values)) as unknown as [[{ v: T }]])[0][0].v
    const name = await first<string>('SELECT DATABASE() AS v')
    // A lock's name may have 64 characters, as many as a database's.
    const lock = `assay ${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
    if ((await first<number | null>('SELECT GET_LOCK(?, ?) AS v', [lock, patience])) !== 1)
      throw new AssayError('migrate_busy', `Another process has been migrating ${name} for ${patience} s; wait for it, then try again`)
    try {
      await connection.query(
        'CREATE TABLE IF NOT EXISTS migrations (id INT NOT NULL, name VARCHAR(140) NOT NULL, ran BIGINT NOT NULL, PRIMARY KEY (id) /*T![clustered_index] CLUSTERED */)',
      )
      const [rows] = (await connection.query('SELECT id FROM migrations')) as unknown as [{ id: number }[]]
      const done = new Set(rows.map((r) => r.id))
      const waiting = migrations.filter((m) => !done.has(m.id))
      for (const migration of waiting) {
        report(migration)
        await connection.query(migration.sql)
        await connection.query('INSERT IGNORE INTO migrations (id, name, ran) VALUES (?, ?, ?)', [migration.id, migration.name, Date.now()])
      }
      const lastEnd = await first<number | null>(lastMonthEnds)
      const months = lastEnd === null ? undefined : addMonths(now, lastEnd)
      if (months === undefined) return waiting.length
      report({ id: 0, name: 'months of transactions', sql: months })
      await connection.query(months)
      return waiting.length + 1
    } finally {
      // A connection that is lost has given its locks back.
      await connection.query('SELECT RELEASE_LOCK(?)', [lock]).catch(() => undefined)
    }
  } finally {
    connection.release()
  }
}
