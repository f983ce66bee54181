/** `npm run bench`: what Assay reaches on this machine, beside yardsticks taken in the same run. */
import { Command, InvalidArgumentError } from 'commander'
import { down, status, up } from '../infra/stack/stack.ts'
import { messageOf } from '../services/shared/errors.ts'
import { backlog } from './backlog.ts'
import type { Watched } from './drain.ts'
import { addReasons } from './reasons.ts'
import { shadowCost } from './shadow.ts'
import { type Report, throughput } from './throughput.ts'

const whole = (least: number) => (text: string) => {
  if (!/^\d+$/.test(text) || Number(text) < least) throw new InvalidArgumentError(`It is not a whole number of at least ${least}.`)
  return Number(text)
}

function print(report: Report): void {
  const lines = [`${report.sql}; ${JSON.stringify(report.conditions)}`, '']
  for (const r of report.results) {
    const rate = r.perSecond ? `${r.perSecond.min} / ${r.perSecond.median} / ${r.perSecond.max} a second` : ''
    const shares = r.shareOfKafka === undefined ? '' : `  ${r.shareOfKafka} of kafkajs, ${r.shareOfInsert} of the insert`
    const cpu = r.cpuUs
      ? `\n${''.padEnd(34)}CPU µs a transaction: ${Object.entries(r.cpuUs)
          .map(([n, us]) => `${n} ${us}`)
          .join(', ')}; peak ${r.rssPeakMb} MB`
      : ''
    const l = r.latencyMs
    lines.push(
      `${r.name.padEnd(34)}${rate}${l ? `p50 ${l.p50}, p95 ${l.p95}, p99 ${l.p99}, p99.9 ${l.p999}, max ${l.max} ms (${r.decided} of ${r.sent})` : ''}${shares}${cpu}`,
    )
  }
  for (const t of report.targets) lines.push(`${t.met ? 'met    ' : 'NOT MET'} ${t.name}: ${t.value} (at least ${t.atLeast}, aim ${t.aim})`)
  process.stdout.write(`${lines.join('\n')}\n`)
}

const program = new Command('npm run bench --').description('Measures Assay beside yardsticks of the same run.')
program
  .command('throughput')
  .description('a backlog decided, recorded and published, beside kafkajs alone and the insert alone; then the latency at 1,000 a second')
  .option('--transactions <number>', 'transactions in the backlog', whole(1000), 100_000)
  .option('--runs <number>', 'how often', whole(1), 3)
  .option('--seconds <number>', 'length of the latency run; 0 leaves it out', whole(0), 20)
  .option('--quick', '20,000 transactions, once, 5 seconds')
  .option('--shadow', 'instead, what one model in shadow costs: pairs of backlogs with and without one')
  .option('--profile <directory>', 'write a CPU profile of the detector there, which slows it a little')
  .option('--json', 'print the report as JSON on the last line')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run bench -- throughput\n  ASSAY_SQL=tidb npm run bench -- throughput --json\n  npm run bench -- throughput --shadow --runs 5',
  )
  .action(
    (options: {
      transactions: number
      runs: number
      seconds: number
      quick?: boolean
      shadow?: boolean
      profile?: string
      json?: boolean
    }) =>
      onServers(options, async (watched) => {
        const sized = options.quick ? { transactions: 20_000, runs: 1, seconds: 5 } : options
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
      const work = Object.entries(cpuUs).map(([n, us]) => `${n} ${us}`)
      process.stdout.write(
        `${decided} decided, ${Math.round(assay)} a second; CPU µs a transaction: ${work.join(', ')}\n` +
          `memory at each tenth: ${rssMb.join(', ')} MB\n` +
          `${report.target.met ? 'met    ' : 'NOT MET'} peak memory: ${rssPeakMb} MB (at most ${report.target.atMostMb})\n`,
      )
      if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
      return report.target.met
    }),
  )

addReasons(program)

/** Brings the bench's servers up for `work`, which says whether its targets were met, and ends those that it started. */
async function onServers(options: { profile?: string }, work: (watched: Watched) => Promise<boolean>): Promise<void> {
  const directory = '.assay/bench'
  const before = (await status(directory)).servers.filter((s) => s.state === 'running').length
  const stack = await up({ directory, report: ({ message }) => process.stderr.write(`${message}\n`) })
  try {
    const flags = options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`]
    const met = await work({ env: { ...process.env, ...stack.env }, servers: stack.servers, flags })
    process.exitCode = met ? 0 : 1
  } finally {
    if (before === 0) await down(directory, { erase: true })
  }
}

await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`bench: ${messageOf(error)}\n`)
  process.exitCode = 1
})
