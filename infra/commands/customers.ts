/** `npm run assay -- customers`: what was known of a customer at any instant. */
import { Command, InvalidArgumentError } from 'commander'
import { customerAsOf, outcomesAsOf } from '../../services/shared/tidb/customers.ts'
import { print, withDatabase } from '../local.ts'

const instant = (text: string): number => {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new InvalidArgumentError('It is not a date like 2026-03-01 or 2026-03-01T12:00:00Z.')
  return time
}
const shown = (time: number | null) => (time === null ? null : new Date(time).toISOString())

export function customersCommand(): Command {
  const command = new Command('customers').description('what the bank told of its customers, and what it did with their transactions')
  command
    .command('show')
    .description('print the version of a customer that held at an instant, and the outcomes that were known then, newest first')
    .requiredOption('--tenant <tenant>', 'the bank')
    .requiredOption('--customer <customer>', 'the customer')
    .option('--at <time>', 'as of then (default: now)', instant)
    .option('--limit <number>', 'at most so many outcomes', '50')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  npm run assay -- customers show --tenant demo-bank --customer c-81\n  npm run assay -- customers show --tenant demo-bank --customer c-81 --at 2026-03-01T12:00:00Z --json',
    )
    .action((options: { tenant: string; customer: string; at?: number; limit: string; json?: boolean }) =>
      withDatabase(async (database) => {
        const { tenant, customer, at = Date.now() } = options
        const held = await customerAsOf(database, tenant, customer, at)
        const version = held && {
          ...held,
          validFrom: shown(held.validFrom),
          opened: shown(held.opened),
          received: shown(held.received),
        }
        const outcomes = (await outcomesAsOf(database, tenant, customer, at, Number(options.limit))).map((o) => ({
          ...o,
          happenedAt: shown(o.happenedAt),
          knownAt: shown(o.knownAt),
        }))
        if (options.json) return print(JSON.stringify({ version: version ?? null, outcomes }))
        if (version) {
          const told = Object.entries(version).filter(([, value]) => value !== null)
          print(told.map(([name, value]) => `${name} ${value}`).join(', '))
        } else print(`nothing was ever told of ${customer}`)
        for (const { transaction, result, reason, happenedAt, knownAt } of outcomes)
          print(`${happenedAt} ${transaction} ${result}${reason === null ? '' : ` (${reason})`}, known since ${knownAt}`)
      }),
    )
  return command
}
