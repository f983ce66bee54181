/** `npm run bench`: what Assay reaches on this machine, beside yardsticks taken in the same run. */
import { Command } from 'commander'
import { messageOf } from '../services/shared/errors.ts'
import { backlog } from './backlog.ts'
import { addCapacity } from './capacity/command.ts'
import { addGrowth } from './growth/command.ts'
import { addLatency } from './latency/command.ts'
import { whole } from './options.ts'
import { addPeers } from './peers/command.ts'
import { cpuPlot, writePlots } from './plots.ts'
import { addPressure } from './pressure/command.ts'
import { cpuLine, type Spread } from './process.ts'
import { addReasons } from './reasons.ts'
import { addScale } from './scale/command.ts'
import { onServers } from './servers.ts'
import { shadowCost } from './shadow.ts'
import { lineOf } from './targets.ts'
import { type Report, throughput } from './throughput.ts'

function print({ conditions, runs, perSecond, shareOf, cpuUs, rssPeakMb, sent, decided, targets }: Report): void {
  const rate = (name: string, { min, median, max }: Spread) => `${name.padEnd(32)}${min} / ${median} / ${max} a second`
  const lines = [
    JSON.stringify(conditions),
    `${runs} runs, minimum / median / maximum; of ${sent} distinct transactions ${decided} were decided in each`,
    '',
    `${rate('decided, recorded and published', perSecond.decided)}  ${shareOf.kafkajs} of kafkajs, ${shareOf.insert} of the insert`,
    rate('kafkajs pass-through', perSecond.kafkajs),
    rate('insert alone', perSecond.insert),
    `CPU µs a transaction: ${cpuLine(cpuUs)}`,
    `peak memory of the detector: ${rssPeakMb.min} / ${rssPeakMb.median} / ${rssPeakMb.max} MB`,
    ...targets.map(lineOf),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

const program = new Command('npm run bench --').description('Measures Assay beside yardsticks of the same run.')
program
  .command('throughput')
  .description('a backlog decided, recorded and published, beside kafkajs alone and the insert alone')
  .option('--transactions <number>', 'transactions in the backlog', whole(1000), 100_000)
  .option('--runs <number>', 'how often', whole(1), 5)
  .option('--quick', '20,000 transactions, once')
  .option('--shadow', 'instead, what one model in shadow costs: pairs of backlogs with and without one')
  .option('--profile <directory>', 'write a CPU profile of the detector there, which slows it a little')
  .option('--plots <directory>', 'draw the CPU time by process there, as cpu.svg')
  .option('--json', 'print the report as JSON on the last line')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run bench -- throughput\n  ASSAY_SQL=tidb npm run bench -- throughput --json\n  npm run bench -- throughput --shadow --runs 5',
  )
  .action(
    (options: {
      transactions: number
      runs: number
      quick?: boolean
      shadow?: boolean
      profile?: string
      plots?: string
      json?: boolean
    }) =>
      onServers(options, async (watched) => {
        const sized = options.quick ? { transactions: 20_000, runs: 1 } : options
        if (options.shadow) {
          const report = await shadowCost({ ...sized, ...watched })
          process.stdout.write(
            `${report.target.met ? 'met    ' : 'NOT MET'} CPU of the detector with one model in shadow: ${report.ratio} times that without (at most ${report.target.atMost})\n`,
          )
          if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
          return report.target.met
        }
        const report = await throughput({ ...sized, ...watched })
        print(report)
        if (options.plots !== undefined)
          await writePlots(options.plots, { cpu: cpuPlot(report.cpuUs, 'CPU time of a transaction over a backlog, by process') })
        if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
        return report.targets.every((t) => t.met)
      }),
  )
program
  .command('backlog')
  .description('a long backlog of many customers, and the memory that the detector takes over it')
  .option('--transactions <number>', 'transactions in the backlog', whole(1000), 1_000_000)
  .option('--customers <number>', 'whose they are', whole(100), 200_000)
  .option('--profile <directory>', 'write a CPU profile of the detector there, which slows it a little')
  .option('--json', 'print the report as JSON on the last line')
  .addHelpText(
    'after',
    '\nExamples:\n  ASSAY_SQL=tidb npm run bench -- backlog\n  npm run bench -- backlog --transactions 100000 --customers 20000 --json',
  )
  .action((options: { transactions: number; customers: number; profile?: string; json?: boolean }) =>
    onServers(options, async (watched) => {
      const report = await backlog({ ...options, ...watched })
      const { assay, cpuUs, rssMb, rssPeakMb, decided } = report.result
      process.stdout.write(
        `${decided} decided, ${Math.round(assay)} a second; CPU µs a transaction: ${cpuLine(cpuUs)}\n` +
          `memory at each tenth: ${rssMb.join(', ')} MB\n` +
          `${report.target.met ? 'met    ' : 'NOT MET'} peak memory: ${rssPeakMb} MB (at most ${report.target.atMostMb})\n`,
      )
      if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
      return report.target.met
    }),
  )

addLatency(program)
addPeers(program)
addPressure(program)
addScale(program)
addGrowth(program)
addCapacity(program)
addReasons(program)

await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`bench: ${messageOf(error)}\n`)
  process.exitCode = 1
})
