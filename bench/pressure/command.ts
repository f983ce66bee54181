/** `npm run bench -- pressure`. */
import type { Command } from 'commander'
import { whole } from '../options.ts'
import { writePlots } from '../plots.ts'
import { onServers } from '../servers.ts'
import { lineOf } from '../targets.ts'
import { pressurePlot } from './plots.ts'
import { type PressureReport, pressure } from './pressure.ts'

type Options = {
  backlog: number
  quiet: number
  seconds: number
  flood: number
  http: number
  quick?: boolean
  plots?: string
  profile?: string
  json?: boolean
}

const quick = { backlog: 3000, quiet: 100, seconds: 2, flood: 3, http: 2 }

function print({ conditions, highest, phases, sent, decided, http, targets }: PressureReport): void {
  const statuses = (byStatus: Record<string, number>) =>
    Object.entries(byStatus)
      .map(([status, n]) => `${n} times ${status}`)
      .join(', ')
  const lines = [
    JSON.stringify(conditions),
    `highest rate, over the backlog: ${highest}/s; ${decided} of ${sent} distinct transactions were decided`,
    ...phases.map(
      ({ name, seconds, offered, lag, rssPeakMb, quiet }) =>
        `${name.padEnd(7)}${seconds} s, ${offered}/s of the other bank, ${lag} wait at the end, ${rssPeakMb} MB; quiet bank p50 ${quiet.p50}, p95 ${quiet.p95}, p99 ${quiet.p99}, max ${quiet.max} ms`,
    ),
    `by HTTP: ${http.offered} transactions a second offered, ${http.accepted} accepted, ${http.limit} allowed`,
    `  flooding bank: ${statuses(http.flood.byStatus)}; p99 ${http.flood.ms.p99} ms; after Retry-After ${http.afterwards}`,
    `  other bank: ${statuses(http.other.byStatus)}; p50 ${http.other.ms.p50}, p99 ${http.other.ms.p99} ms`,
    `  gateway: ${http.gatewayMb.before} MB before, ${http.gatewayMb.peak} MB at most; ${http.acknowledged} acknowledged, ${http.inKafka} in Kafka`,
    ...targets.map(lineOf),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

async function run(options: Options): Promise<void> {
  await onServers(options, async (watched) => {
    const report = await pressure({ ...options, ...(options.quick ? quick : {}), ...watched })
    print(report)
    if (options.plots !== undefined) await writePlots(options.plots, { pressure: pressurePlot(report.samples) })
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
    return report.targets.every((t) => t.met)
  })
}

export const addPressure = (program: Command): Command =>
  program
    .command('pressure')
    .description(
      'one bank sends twice the highest rate, another one what it always sends: lag, memory, the quiet bank’s latency before, during and after,\n' +
        'and what the gateway answers when a bank floods it by HTTP',
    )
    .option('--backlog <number>', 'transactions over which the highest rate is found', whole(1000), 100_000)
    .option('--quiet <number>', 'transactions a second of the quiet bank', whole(1), 200)
    .option('--seconds <number>', 'how long the quiet bank is alone, and how long beside half of the highest rate', whole(1), 30)
    .option('--flood <number>', 'seconds of twice the highest rate', whole(1), 120)
    .option('--http <number>', 'seconds of the flood by HTTP', whole(1), 15)
    .option('--quick', 'a flood of 3 seconds over a backlog of 3,000')
    .option('--profile <directory>', 'write a CPU profile of the detector there, which slows it a little')
    .option('--plots <directory>', 'draw lag and memory over time there, as pressure.svg')
    .option('--json', 'print the report as JSON on the last line')
    .addHelpText(
      'after',
      '\nExamples:\n  ASSAY_SQL=tidb npm run bench -- pressure --plots docs/images\n  npm run bench -- pressure --quick --json',
    )
    .action(run)
