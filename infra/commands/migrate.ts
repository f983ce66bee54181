/** `npm run assay -- migrate`: brings the database to the newest schema. */
import { Command } from 'commander'
import { createDatabase, ensureDatabase } from '../../services/shared/tidb/database.ts'
import { localConfig } from '../local.ts'
import { migrate } from '../migrations/migrate.ts'

export const migrateCommand = (): Command =>
  new Command('migrate')
    .description('bring the database to the newest schema; safe when two run at once, and can be repeated')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const config = await localConfig()
      await ensureDatabase(config.sql)
      const database = createDatabase(config.sql)
      try {
        const ran = await migrate(database, ({ id, name }) => process.stderr.write(`${id} ${name}\n`))
        const { name, version } = await database.product()
        process.stdout.write(
          options.json
            ? `${JSON.stringify({ ran, database: config.sql.database, sql: `${name} ${version}` })}\n`
            : `${ran} steps ran; ${config.sql.database} on ${name} ${version} is up to date\n`,
        )
      } finally {
        await database.stop()
      }
    })
