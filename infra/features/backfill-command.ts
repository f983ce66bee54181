/** `npm run assay -- features backfill`: vectors of the present version beside those that an earlier one recorded. */
import { Command, InvalidArgumentError } from 'commander'
import { print, withDatabase } from '../local.ts'
import { createProgressLine } from '../progress-line.ts'
import { backfill } from './backfill.ts'

type Options = { tenant: string; from?: number; to?: number; compare?: boolean; json?: boolean }

const instant = (text: string): number => {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new InvalidArgumentError('It is not a date like 2026-03-01 or 2026-03-01T12:00:00Z.')
  return time
}

const help = `
The customer's own features come out exactly as they would have been. Counters of merchants, devices and addresses come out as the decisions could
have seen them: after all that was decided before, with labels as they were known. --compare says how near that is, by what
the present version has recorded itself.
It can be broken off and run again. Training takes the vectors by itself.

Examples:
  npm run assay -- features backfill --tenant demo-bank
  npm run assay -- features backfill --tenant demo-bank --from 2026-01-01 --to 2026-04-01 --json
  npm run assay -- features backfill --tenant demo-bank --compare`

/** The command, to be mounted under `npm run assay -- features`. */
export function backfillCommand(): Command {
  return new Command('backfill')
    .description('recompute the features of what was decided with another version of them, and keep them beside what was recorded')
    .requiredOption('--tenant <tenant>', 'the bank')
    .option('--from <time>', 'transactions that happened from here on', instant)
    .option('--to <time>', 'and before this', instant)
    .option('--compare', 'compute again what the present version recorded too, and say how often it comes out otherwise')
    .option('--json', 'print the counts as one JSON object')
    .addHelpText('after', help)
    .action((options: Options) =>
      withDatabase(async (database) => {
        const line = createProgressLine()
        const { tenant, from = 0, to = Date.now() + 86_400_000, compare } = options
        const found = await backfill(database, { tenant, from, to, compare, progress: (text) => line.show(() => text) })
        line.end()
        if (options.json) return print(JSON.stringify(found))
        print(`${found.others} vectors of ${tenant} are of another version than ${found.featureSet}`)
        print(`  recomputed before    ${found.before}`)
        print(`  recomputed now       ${found.recomputed}`)
        if (found.left > 0) print(`  decided meanwhile    ${found.left}: run it again`)
        if (found.compared === undefined) return
        print(`${found.compared} of the present version computed again: ${found.ownDiffering} differ in the customer's own features`)
        for (const [name, n] of Object.entries(found.countersDiffering ?? {}))
          if (n > 0) print(`  ${name.padEnd(30)} differs in ${((100 * n) / found.compared).toFixed(2)} %`)
      }),
    )
}
