/** `npm run assay -- progress`: how far each partition has been decided, and the way out when a topic was made anew. */
import { Command } from 'commander'
import { AssayError, messageOf } from '../../services/shared/errors.ts'
import { tenantTopic } from '../../services/shared/events.ts'
import { print, withBus, withDatabase } from '../local.ts'

const inputs = ['transactions', 'outcomes', 'parties', 'labels'] as const

type Row = { tenant: string; topic: string; part: number; log: number; epoch: number; next_offset: number; owner: string; updated: number }

export function progressCommand(): Command {
  const command = new Command('progress').description('how far each partition has been decided')
  command
    .command('show')
    .description('print every partition: its next offset, its epoch and its owner')
    .option('--tenant <tenant>', 'only this bank')
    .option('--json', 'print JSON')
    .action((options: { tenant?: string; json?: boolean }) =>
      withDatabase(async (database) => {
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
        if (options.json) return print(JSON.stringify(shown))
        for (const r of shown)
          print(`${r.tenant} ${r.topic} ${r.partition}: next ${r.nextOffset}, epoch ${r.epoch}, owner ${r.owner}, ${r.updated}`)
      }),
    )
  command
    .command('reset')
    .description(
      'let a partition begin elsewhere, after its topic was made anew; what was decided stays, and ids already decided are not decided again; stop the detectors first',
    )
    .requiredOption('--tenant <tenant>', 'the bank')
    .requiredOption('--topic <name>', inputs.join(', '))
    .requiredOption('--partition <numbers...>', 'the partition, or several')
    .requiredOption('--to <offset>', 'the offset that is next')
    .addHelpText('after', '\nExample:\n  npm run assay -- progress reset --tenant demo-bank --topic transactions --partition 0 1 --to 0')
    .action(async (options: { tenant: string; topic: string; partition: string[]; to: string }) => {
      if (!inputs.some((name) => name === options.topic))
        throw new AssayError('topic_unknown', `--topic is ${options.topic}, not one of ${inputs.join(', ')}`)
      const to = Number(options.to)
      if (!Number.isSafeInteger(to) || to < 0) throw new AssayError('offset_invalid', `--to is ${options.to}, not an offset`)
      const parts = [...new Set(options.partition.map(Number))]
      const topic = options.topic as (typeof inputs)[number]
      await withBus('assay-progress', async (database, bus, config) => {
        // Kafka's offset moves first: below our progress all would be looked for that was never recorded.
        const admin = await bus.admin()
        const partitions = parts.map((partition) => ({ partition, offset: String(to) }))
        await admin
          .setOffsets({ groupId: `${config.group}-detector`, topic: tenantTopic(options.tenant, topic), partitions })
          .catch((cause: unknown) => {
            throw new AssayError(
              'group_active',
              `Kafka does not move the offset (${messageOf(cause)}); stop the detectors of this group first`,
              { cause },
            )
          })
        // `log` rises, so that a place is never used twice, and so does the epoch, which fences whoever owns the partition now.
        await database.transaction(async (tx) => {
          const { affectedRows } = await tx.execute(
            "UPDATE progress SET log = log + 1, epoch = epoch + 1, next_offset = ?, last_record = NULL, owner = 'reset', updated = ? WHERE tenant = ? AND topic = ? AND part IN (?)",
            [to, Date.now(), options.tenant, options.topic, parts] as never,
          )
          if (affectedRows !== parts.length)
            throw new AssayError(
              'partition_unknown',
              `there is no progress of some of ${options.tenant} ${options.topic} ${parts.join(' ')}`,
            )
        })
        print(`${options.tenant} ${options.topic} ${parts.join(' ')} goes on at ${to}; start the detectors again`)
      })
    })
  return command
}
