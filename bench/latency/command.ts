/** `npm run bench -- latency`. */
import { type Command, InvalidArgumentError } from 'commander'
import { whole } from '../options.ts'
import { type LatencyPoint, latencyPlot, writePlots } from '../plots.ts'
import { onServers } from '../servers.ts'
import { lineOf } from '../targets.ts'
import { type LatencyReport, latency } from './latency.ts'
import { linesOf, type Point } from './segments.ts'

type Options = {
  rates: number[]
  backlog: number
  runs: number
  seconds: number
  warm: number
  quick?: boolean
  profile?: string
  plots?: string
  json?: boolean
}

const rates = (text: string) =>
  text.split(',').map((rate) => {
    if (!/^[1-9]\d{0,4}$/.test(rate)) throw new InvalidArgumentError('They are whole numbers of 1 to 99999, with commas between them.')
    return Number(rate)
  })

const quick = { rates: [200, 1000], backlog: 2000, runs: 1, seconds: 1, warm: 1 }

/** The points of the plot. */
export const drawn = (points: readonly Point[]): LatencyPoint[] =>
  points.flatMap(({ perSecond, toDecision, toAlert }) =>
    (['p50', 'p99', 'p999'] as const).flatMap((name) => {
      const percentile = name === 'p999' ? 'p99.9' : name
      return [
        { perSecond, percentile, to: 'decision', ms: toDecision[name].median },
        ...(toAlert ? [{ perSecond, percentile, to: 'alert', ms: toAlert[name] }] : []),
      ]
    }),
  )

function print({ conditions, highest, points, targets }: LatencyReport): void {
  const lines = [
    JSON.stringify(conditions),
    `highest rate, over the backlog: ${highest}/s`,
    conditions.runs > 1 ? 'each percentile is the median of the runs (least..greatest); alerts and sends are of all runs together' : '',
    ...points.flatMap(linesOf),
    ...targets.map(lineOf),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

async function run(options: Options): Promise<void> {
  await onServers(options, async (watched) => {
    const report = await latency({ ...options, ...(options.quick ? quick : {}), ...watched })
    print(report)
    if (options.plots !== undefined)
      await writePlots(options.plots, { latency: latencyPlot(drawn(report.points), 'Latency by rate, an open loop') })
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
    return report.targets.every((t) => t.met)
  })
}

export const addLatency = (program: Command): Command =>
  program
    .command('latency')
    .description(
      'from when a transaction was due to its decision, and to its alert, in the hands of another consumer: at several rates and at 70 % of the\n' +
        'highest, which is found first. Arrivals are a Poisson stream that waits for nobody',
    )
    .option('--rates <numbers>', 'transactions a second, with commas between them', rates, [200, 1000, 4000])
    .option('--backlog <number>', 'transactions over which the highest rate is found', whole(1000), 100_000)
    .option('--runs <number>', 'how often each rate is measured, by turns', whole(1), 3)
    .option('--seconds <number>', 'how long each time', whole(1), 20)
    .option('--warm <number>', 'seconds before that, which do not count', whole(0), 3)
    .option('--quick', '200 and 1,000 a second and 70 % of the highest, a second each, over a backlog of 2,000')
    .option('--profile <directory>', 'write a CPU profile of the detector there, which slows it a little')
    .option('--plots <directory>', 'draw latency against rate there, as latency.svg')
    .option('--json', 'print the report as JSON on the last line')
    .addHelpText(
      'after',
      '\nExamples:\n  ASSAY_SQL=tidb npm run bench -- latency --plots docs/images\n  npm run bench -- latency --quick --json',
    )
    .action(run)
