/** `npm run assay -- dead-letters`: what could not be taken in, and sending it again once its cause is mended. */
import { Command } from 'commander'
import { type TenantTopic, tenantTopic } from '../../services/shared/events.ts'
import type { Bus } from '../../services/shared/kafka/bus.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { print, withBus, withDatabase } from '../local.ts'

type Row = {
  tenant: string
  topic: TenantTopic
  log: number
  part: number
  log_offset: number
  reason: string
  detail: string
  record_key: Buffer | null
  record_value: Buffer | null
  recorded: number
  resent: number | null
}

const condition = 'tenant = COALESCE(?, tenant) AND reason = COALESCE(?, reason)'

/** Sends dead letters again to the topic they came on, and notes it. Returns how many; those without a value cannot be sent. */
export async function resend(database: Database, bus: Bus, filter: { tenant?: string; reason?: string }): Promise<number> {
  const rows = await database.query<Row>(
    `SELECT * FROM dead_letters WHERE ${condition} AND resent IS NULL AND record_value IS NOT NULL LIMIT 10000`,
    [filter.tenant ?? null, filter.reason ?? null],
  )
  for (const row of rows) {
    await bus.send([
      { topic: tenantTopic(row.tenant, row.topic), key: row.record_key?.toString() ?? '', value: row.record_value as Buffer },
    ])
    await database.execute(
      'UPDATE dead_letters SET resent = ? WHERE tenant = ? AND topic = ? AND log = ? AND part = ? AND log_offset = ?',
      [Date.now(), row.tenant, row.topic, row.log, row.part, row.log_offset],
    )
  }
  return rows.length
}

export function deadLettersCommand(): Command {
  const command = new Command('dead-letters').description('records that could not be taken in')
  const filters = (c: Command) =>
    c.option('--tenant <tenant>', 'only this bank').option('--reason <reason>', 'only this reason, such as no_rate')
  filters(command.command('list'))
    .description('print them, newest first: place, reason and what is wrong')
    .option('--limit <number>', 'at most so many', '50')
    .option('--json', 'print JSON')
    .action((options: { tenant?: string; reason?: string; limit: string; json?: boolean }) =>
      withDatabase(async (database) => {
        const rows = await database.query<Row>(`SELECT * FROM dead_letters WHERE ${condition} ORDER BY recorded DESC LIMIT ?`, [
          options.tenant ?? null,
          options.reason ?? null,
          Number(options.limit),
        ])
        for (const { tenant, topic, part, log_offset, reason, detail, recorded, resent, record_value } of rows) {
          const at = new Date(recorded).toISOString()
          print(
            options.json
              ? JSON.stringify({
                  tenant,
                  topic,
                  partition: part,
                  offset: log_offset,
                  reason,
                  detail,
                  recordedAt: at,
                  resent,
                  value: record_value?.toString() ?? null,
                })
              : `${at} ${tenant} ${topic} ${part}/${log_offset} ${reason}: ${detail}${resent ? ' (sent again)' : ''}`,
          )
        }
      }),
    )
  filters(command.command('resend'))
    .description('send them again to the topic they came on, once what was wrong is mended')
    .addHelpText('after', '\nExample:\n  npm run assay -- dead-letters resend --tenant demo-bank --reason no_rate')
    .action((options: { tenant?: string; reason?: string }) =>
      withBus('assay-dead-letters', async (database, bus) => print(`${await resend(database, bus, options)} records were sent again`)),
    )
  return command
}
