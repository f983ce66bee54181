/** `npm run assay -- labels`: what was said of a transaction, as it was known at any instant. */
import { Command, InvalidArgumentError } from 'commander'
import { labelsAsOf } from '../../services/shared/tidb/labels.ts'
import { print, withDatabase } from '../local.ts'

const instant = (text: string): number => {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new InvalidArgumentError('It is not a date like 2026-03-01 or 2026-03-01T12:00:00Z.')
  return time
}
const shown = (time: number) => new Date(time).toISOString()

export function labelsCommand(): Command {
  const command = new Command('labels').description('what turned out to be fraud, and since when that is known')
  command
    .command('show')
    .description('print the labels of a transaction that were known at an instant, the one that held then first')
    .requiredOption('--tenant <tenant>', 'the bank')
    .requiredOption('--transaction <id>', 'the transaction')
    .option('--at <time>', 'as it was known then (default: now)', instant)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  npm run assay -- labels show --tenant demo-bank --transaction tx-1\n  npm run assay -- labels show --tenant demo-bank --transaction tx-1 --at 2026-03-01T12:00:00Z --json',
    )
    .action((options: { tenant: string; transaction: string; at?: number; json?: boolean }) =>
      withDatabase(async (database) => {
        const at = options.at ?? Date.now()
        const labels = await labelsAsOf(database, options.tenant, options.transaction, at)
        if (options.json)
          return print(
            JSON.stringify(
              labels.map((l) => ({ ...l, happenedAt: shown(l.happenedAt), knownAt: shown(l.knownAt), knownSince: shown(l.knownSince) })),
            ),
          )
        if (labels.length === 0) return print(`nothing was known of ${options.transaction} at ${shown(at)}`)
        for (const { id, value, source, knownSince, by, supersedes } of labels)
          print(
            `${value} by ${source}${by ? ` (${by})` : ''}, known since ${shown(knownSince)}, label ${id}${supersedes ? `, in place of ${supersedes}` : ''}`,
          )
      }),
    )
  return command
}
