/** Brings the database to the newest schema. Safe when two run at once, and each step can be run again. */
import type { Database } from '../../services/shared/database.ts'
import { type Migration, migrations } from './migrations.ts'

/**
 * Runs what has not been run, and says each step to `report`. Returns how many ran. Two at once are harmless: they take turns by a
 * lock of the server, and a step that ran but was not noted (a crash in between) runs again without effect.
 */
export async function migrate(database: Database, report: (migration: Migration) => void = () => undefined): Promise<number> {
  await database.execute(
    'CREATE TABLE IF NOT EXISTS migrations (id INT NOT NULL, name VARCHAR(140) NOT NULL, ran BIGINT NOT NULL, PRIMARY KEY (id) /*T![clustered_index] CLUSTERED */)',
  )
  const connection = await database.connect()
  try {
    const [[{ name }]] = (await connection.query('SELECT DATABASE() AS name')) as unknown as [[{ name: string }]]
    const lock = `assay migrate ${name}`
    await connection.query('SELECT GET_LOCK(?, 60)', [lock])
    try {
      const done = new Set((await database.query<{ id: number }>('SELECT id FROM migrations')).map((r) => r.id))
      let ran = 0
      for (const migration of migrations) {
        if (done.has(migration.id)) continue
        report(migration)
        await connection.query(migration.sql)
        await connection.query('INSERT IGNORE INTO migrations (id, name, ran) VALUES (?, ?, ?)', [migration.id, migration.name, Date.now()])
        ran++
      }
      return ran
    } finally {
      await connection.query('SELECT RELEASE_LOCK(?)', [lock])
    }
  } finally {
    connection.release()
  }
}
