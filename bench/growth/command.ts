/** `npm run bench -- growth`. */
import { type Command, InvalidArgumentError } from 'commander'
import { numbers, whole } from '../options.ts'
import { writePlots } from '../plots.ts'
import { onServers } from '../servers.ts'
import { growth, type Part, parts } from './growth.ts'
import { linesOf } from './lines.ts'
import { growthPlots } from './plots.ts'
import { type Given, quickSizes, sizesOf } from './sizes.ts'

type Options = Given & { only: Part[]; quick?: boolean; plots?: string; json?: boolean }

const chosen = (text: string): Part[] =>
  text.split(',').map((name) => {
    const part = parts.find((p) => p === name)
    if (!part) throw new InvalidArgumentError(`The parts are ${parts.join(', ')}.`)
    return part
  })

async function run(options: Options): Promise<void> {
  await onServers({}, async (watched) => {
    const report = await growth({ ...watched, only: options.only, sizes: options.quick ? quickSizes : sizesOf(options) })
    process.stdout.write(`${linesOf(report).join('\n')}\n`)
    if (options.plots !== undefined) await writePlots(options.plots, growthPlots(report))
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
    return report.targets.every((t) => t.met)
  })
}

export const addGrowth = (program: Command): Command =>
  program
    .command('growth')
    .description(
      'what becomes of a bank as its history grows: storage of a transaction, restart after kill -9, memory of the counters, memory by customers,\n' +
        'customers with many transactions, throughput beside stored rows, and a soak. Everything takes hours and many GB of disk',
    )
    .option('--only <parts>', `some of ${parts.join(', ')}, with commas between them`, chosen, [...parts])
    .option('--rows <numbers>', 'stored rows beside which a backlog is worked off', numbers(0), [0, 1_000_000, 10_000_000])
    .option(
      '--customers <numbers>',
      'met one after another, with ten transactions each',
      numbers(1000),
      [10_000, 100_000, 200_000, 500_000, 1_000_000],
    )
    .option('--transactions <number>', 'in each backlog', whole(1000), 200_000)
    .option('--runs <number>', 'how often each backlog is worked off', whole(1), 2)
    .option('--soak <minutes>', 'how long the soak lasts', whole(5), 30)
    .option('--quick', 'all parts, each as small as it can be')
    .option('--plots <directory>', 'draw what was measured there, as growth-rows.svg, growth-memory.svg and growth-soak.svg')
    .option('--json', 'print the report as JSON on the last line')
    .addHelpText(
      'after',
      '\nExamples:\n  ASSAY_SQL=tidb npm run bench -- growth --only rows --rows 0,1000000 --plots docs/images\n  npm run bench -- growth --only soak --soak 30\n  npm run bench -- growth --quick',
    )
    .action(run)
