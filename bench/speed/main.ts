/** `npm run check:speed`: whether a transaction costs more CPU time than it did at the last committed figures. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { messageOf } from '../../services/shared/errors.ts'
import { type Conditions, conditionsOf } from '../conditions.ts'
import { whole } from '../options.ts'
import { onServers } from '../servers.ts'
import { type Costs, costsOf, type Judged, judge, mostRise } from './costs.ts'
import { measureRounds } from './rounds.ts'

type Committed = { transactions: number; rounds: number; costs: Costs; conditions: Conditions }

const path = 'bench/speed.json'
const standard = { transactions: 10_000, rounds: 10 }

const productsOf = ({ servers }: Pick<Conditions, 'servers'>) => servers.map((s) => s.replace(/ [^ ]*$/, '')).join(', ')
const percent = (part: number) => `${part > 0 ? '+' : ''}${(part * 100).toFixed(1)} %`
const nameOf = { detector: 'detector', all: 'all processes' }
const lineOf = (cost: keyof Costs, { us, yardstickUs, ratio }: Costs['all']) =>
  `${nameOf[cost].padEnd(14)} ${us} µs a transaction, ${ratio} times the yardsticks' ${yardstickUs} µs`

/** Throws when the figures that are committed are of another database, or of none. */
function readCommitted(conditions: Conditions): Committed {
  if (!existsSync(path)) throw new Error(`${path} is not there; write it: npm run check:speed -- --update`)
  const committed = JSON.parse(readFileSync(path, 'utf8')) as Committed
  const [before, now] = [productsOf(committed.conditions), productsOf(conditions)]
  if (before !== now) throw new Error(`the committed figures are of ${before}, this is ${now}; with ASSAY_SQL=tidb the database is TiDB`)
  return committed
}

async function check(options: { rounds: number; update?: boolean; json?: boolean }): Promise<void> {
  await onServers({}, async (watched) => {
    const conditions = conditionsOf(watched, {})
    const committed = options.update ? undefined : readCommitted(conditions)
    const transactions = committed?.transactions ?? standard.transactions
    const { rounds } = options
    const costs = costsOf(await measureRounds({ ...watched, transactions, rounds }))
    const judged: Judged[] = committed ? judge(costs, committed.costs) : []
    const lines = [
      JSON.stringify(conditions),
      `${rounds} rounds of ${transactions} transactions`,
      lineOf('detector', costs.detector),
      lineOf('all', costs.all),
      ...judged.map(
        ({ cost, rise, committed: before, met }) =>
          `${met ? 'met    ' : 'NOT MET'} ${nameOf[cost]}: ${percent(rise)} against the committed ratio of ${before} (at most ${percent(mostRise)})`,
      ),
    ]
    if (options.update) {
      writeFileSync(path, `${JSON.stringify({ transactions, rounds, costs, conditions } satisfies Committed, null, 2)}\n`)
      lines.push(`${path} is written: these figures, under these conditions, are what is compared with from now on`)
    }
    process.stdout.write(`${lines.join('\n')}\n`)
    const met = judged.every((j) => j.met)
    if (options.json) process.stdout.write(`${JSON.stringify({ transactions, rounds, conditions, costs, judged, met })}\n`)
    return met
  })
}

await new Command('npm run check:speed --')
  .description(
    'Measures the CPU time that a transaction costs, beside kafkajs alone and the insert alone in the same run, and compares the ratio with the one\n' +
      `in ${path}. The exit status is 1 when it rose by more than ${mostRise * 100} %.`,
  )
  .option('--rounds <number>', 'how often; the quieter ones count', whole(1), standard.rounds)
  .option('--update', `write ${path} anew instead`)
  .option('--json', 'print the report as JSON on the last line')
  .addHelpText(
    'after',
    '\nExamples:\n  ASSAY_SQL=tidb npm run check:speed\n  ASSAY_SQL=tidb npm run check:speed -- --rounds 20 --json\n' +
      '  ASSAY_SQL=tidb npm run check:speed -- --update   after a change that is worth its cost, on a quiet machine',
  )
  .action(check)
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`check:speed: ${messageOf(error)}\n`)
    process.exitCode = 1
  })
