/** `npm run assay -- progress`: how far each partition has been decided, and the way out when a topic was made anew. */
import { Command } from 'commander'
import { createDatabase } from '../../services/shared/database.ts'
import { AssayError } from '../../services/shared/errors.ts'
import { localConfig } from '../local.ts'

const inputs = ['transactions', 'outcomes', 'parties', 'labels']

type Row = { tenant: string; topic: string; part: number; log: number; epoch: number; next_offset: number; owner: string; updated: number }

export function progressCommand(): Command {
  const command = new Command('progress').description('how far each partition has been decided')
  command
    .command('show')
    .description('print every partition: its next offset, its epoch and its owner')
    .option('--tenant <tenant>', 'only this bank')
    .option('--json', 'print JSON')
    .action(async (options: { tenant?: string; json?: boolean }) => {
      const database = createDatabase((await localConfig()).sql)
      try {
        const rows = await database.query<Row>('SELECT * FROM progress WHERE tenant = COALESCE(?, tenant) ORDER BY tenant, topic, part', [
          options.tenant ?? null,
        ])
        const shown = rows.map(({ tenant, topic, part, log, epoch, next_offset, owner, updated }) => ({
          tenant,
          topic,
          partition: part,
          log,
          epoch,
          nextOffset: next_offset,
          owner,
          updated: new Date(updated).toISOString(),
        }))
        if (options.json) process.stdout.write(`${JSON.stringify(shown)}\n`)
        else
          for (const r of shown)
            process.stdout.write(
              `${r.tenant} ${r.topic} ${r.partition}: next ${r.nextOffset}, epoch ${r.epoch}, owner ${r.owner}, ${r.updated}\n`,
            )
      } finally {
        await database.stop()
      }
    })
  command
    .command('reset')
    .description(
      'let a partition begin elsewhere, after its topic was made anew; what was decided stays, and ids already decided are not decided again',
    )
    .requiredOption('--tenant <tenant>', 'the bank')
    .requiredOption('--topic <name>', inputs.join(', '))
    .requiredOption('--partition <number>', 'the partition')
    .requiredOption('--to <offset>', 'the offset that is next')
    .addHelpText('after', '\nExample:\n  npm run assay -- progress reset --tenant demo-bank --topic transactions --partition 0 --to 0')
    .action(async (options: { tenant: string; topic: string; partition: string; to: string }) => {
      if (!inputs.includes(options.topic))
        throw new AssayError('topic_unknown', `--topic is ${options.topic}, not one of ${inputs.join(', ')}`)
      const to = Number(options.to)
      if (!Number.isSafeInteger(to) || to < 0) throw new AssayError('offset_invalid', `--to is ${options.to}, not an offset`)
      const database = createDatabase((await localConfig()).sql)
      try {
        // `log` rises, so that a place is never used twice, and so does the epoch, which fences whoever owns the partition now.
        const { affectedRows } = await database.execute(
          "UPDATE progress SET log = log + 1, epoch = epoch + 1, next_offset = ?, last_record = NULL, owner = 'reset', updated = ? WHERE tenant = ? AND topic = ? AND part = ?",
          [to, Date.now(), options.tenant, options.topic, Number(options.partition)],
        )
        if (affectedRows === 0)
          throw new AssayError('partition_unknown', `there is no progress of ${options.tenant} ${options.topic} ${options.partition}`)
        process.stdout.write(
          `${options.tenant} ${options.topic} ${options.partition} goes on at ${to}; restart the detector that had stopped it\n`,
        )
      } finally {
        await database.stop()
      }
    })
  return command
}
