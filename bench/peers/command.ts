/** `npm run bench -- peers`. */
import type { Command } from 'commander'
import { StackError } from '../../infra/stack/server.ts'
import { whole } from '../options.ts'
import { writePlots } from '../plots.ts'
import { cpuLine, type Spread } from '../process.ts'
import { onServers } from '../servers.ts'
import { lineOf } from '../targets.ts'
import { buildFlink, missingForFlink } from './build.ts'
import { openLoop } from './contender.ts'
import { type PeersReport, peers } from './peers.ts'
import { peersPlots } from './plots.ts'
import { less, visibility } from './words.ts'

type Options = { transactions: number; runs: number; seconds: number; quick?: boolean; plots?: string; json?: boolean }

const percentiles = ['p50', 'p95', 'p99', 'max'] as const
const spread = ({ min, median, max }: Spread) => `${min} / ${median} / ${max}`

function print({ conditions, results, ratio, targets }: PeersReport): void {
  const lines = [JSON.stringify(conditions), 'minimum / median / maximum of the rounds; CPU by medians', '']
  for (const { name, perSecond, laterPerSecond, cpuUs, rssPeakMb, latencyMs } of results) {
    const all = Object.values(cpuUs).reduce((sum, us) => sum + us, 0)
    lines.push(
      `${name.padEnd(20)} ${spread(perSecond)} a second; of the second half ${spread(laterPerSecond)}`,
      `  CPU µs a transaction: ${cpuLine(cpuUs)}; together ${all}`,
      `  peak memory of its process: ${spread(rssPeakMb)} MB`,
      ...(latencyMs
        ? [`  due to decision at ${openLoop.perSecond}/s, ms: ${percentiles.map((p) => `${p} ${spread(latencyMs[p])}`).join(', ')}`]
        : []),
      `  a decision is ${visibility[name]}`,
    )
  }
  lines.push('', less, `Assay against Flink with TiDB, in each round: ${spread(ratio)}`, ...targets.map(lineOf))
  process.stdout.write(`${lines.join('\n')}\n`)
}

async function run(options: Options): Promise<void> {
  const missing = missingForFlink()
  if (missing) throw new StackError(missing)
  await onServers({}, async (watched) => {
    if (watched.servers.find((s) => s.name === 'sql')?.product !== 'TiDB')
      throw new StackError('The comparison is with TiDB; to have it here (8 minutes, once): npm run stack -- build tidb')
    const jar = await buildFlink('.assay/peers', ({ message }) => process.stderr.write(`${message}\n`))
    const sized = options.quick ? { transactions: 10_000, runs: 1, seconds: 2 } : options
    const report = await peers({ ...watched, ...sized, jar })
    print(report)
    if (options.plots !== undefined) await writePlots(options.plots, peersPlots(report.results))
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
    return report.targets.every((t) => t.met)
  })
}

export const addPeers = (program: Command): Command =>
  program
    .command('peers')
    .description('Apache Flink beside Assay, by turns on the same stream and servers; needs a JDK and Maven')
    .option('--transactions <number>', 'transactions in each backlog', whole(1000), 100_000)
    .option('--runs <number>', 'rounds, in each of which all take their turns', whole(1), 5)
    .option('--seconds <number>', 'of a load of 1,000 a second on each in each round, for the latency; 0 leaves it out', whole(0), 10)
    .option('--quick', '10,000 transactions and 2 seconds, once')
    .option('--plots <directory>', 'draw rates, CPU time and latency there, as peers-rates.svg, peers-cpu.svg and peers-latency.svg')
    .option('--json', 'print the report as JSON on the last line')
    .addHelpText('after', '\nExamples:\n  npm run bench -- peers --quick\n  ASSAY_SQL=tidb npm run bench -- peers --plots plots --json')
    .action(run)
