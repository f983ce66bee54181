/** `npm run bench -- scale`. */
import type { Command } from 'commander'
import { numbers, whole } from '../options.ts'
import { writePlots } from '../plots.ts'
import { cpuLine, type Spread } from '../process.ts'
import { onServers } from '../servers.ts'
import { lineOf } from '../targets.ts'
import { scalePlot } from './plots.ts'
import { type ScaleReport, scale } from './scale.ts'

type Options = {
  processes: number[]
  transactions: number
  partitions: number
  runs: number
  seconds: number
  perSecond: number
  quick?: boolean
  plots?: string
  json?: boolean
}

const quick = { processes: [1, 2], transactions: 1500, runs: 1, seconds: 0, warm: 300 }
const spread = ({ min, median, max }: Spread) => `${min} / ${median} / ${max}`

function print({ conditions, points, rebalance, targets }: ScaleReport): void {
  const lines = [JSON.stringify(conditions), 'minimum / median / maximum of the runs; CPU by medians', '']
  for (const p of points)
    lines.push(
      `${p.processes} detector${p.processes === 1 ? '' : 's'}: ${spread(p.perSecond)} a second together`,
      `  CPU µs a transaction: ${cpuLine(p.cpuUs)}; together ${spread(p.cpuUsTogether)}`,
      `  greatest share against an even one: of the transactions ${spread(p.greatestShare)}, of the CPU time ${spread(p.greatestCpuShare)}`,
      `  memory of a detector: ${spread(p.rssMb)} MB`,
    )
  if (rebalance) {
    lines.push(
      '',
      `detectors come and go at ${rebalance.perSecond}/s, ${rebalance.secondsEach} s each; ${rebalance.again} decisions came again`,
    )
    for (const { name, sent, decided, latencyMs: l } of rebalance.phases)
      lines.push(`  ${name}: ${decided} of ${sent} decided; due to decision, ms: p50 ${l.p50}, p95 ${l.p95}, p99 ${l.p99}, max ${l.max}`)
  }
  process.stdout.write(`${[...lines, '', ...targets.map(lineOf)].join('\n')}\n`)
}

async function run(options: Options): Promise<void> {
  await onServers({}, async (watched) => {
    const report = await scale({ ...options, ...(options.quick ? quick : {}), ...watched })
    print(report)
    if (options.plots !== undefined) await writePlots(options.plots, { scale: scalePlot(report.points) })
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
    return report.targets.every((t) => t.met)
  })
}

export const addScale = (program: Command): Command =>
  program
    .command('scale')
    .description(
      '1, 2 and 4 detectors over the same partitions: what a transaction costs, how fair the shares are, and what joining and leaving cost',
    )
    .option('--processes <numbers>', 'how many detectors, with commas between them', numbers(1), [1, 2, 4])
    .option('--transactions <number>', 'in each backlog', whole(1000), 100_000)
    .option('--partitions <number>', 'of each topic', whole(1), 8)
    .option('--runs <number>', 'how often each is measured, by turns', whole(1), 3)
    .option('--seconds <number>', 'of each phase of the load under which detectors come and go; 0 leaves it out', whole(0), 15)
    .option('--per-second <number>', 'of that load', whole(10), 1000)
    .option('--quick', '1 and 2 detectors over 1,500 transactions, once')
    .option('--plots <directory>', 'draw the CPU time by number of detectors there, as scale.svg')
    .option('--json', 'print the report as JSON on the last line')
    .addHelpText(
      'after',
      '\nExamples:\n  ASSAY_SQL=tidb npm run bench -- scale --plots docs/images\n  npm run bench -- scale --quick --json',
    )
    .action(run)
