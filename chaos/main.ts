/** `npm run chaos`: kills, freezes and cuts off everything under load, and counts the harm. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { messageOf } from '../services/shared/errors.ts'
import { type BreakName, breaks } from './breaks.ts'
import { chaos } from './chaos.ts'
import { harms } from './check.ts'

const whole = (least: number) => (text: string) => {
  if (!/^\d+$/.test(text) || Number(text) < least) throw new InvalidArgumentError(`It is not a whole number of at least ${least}.`)
  return Number(text)
}

type Options = { transactions?: number; kills?: number; seed: number; break?: BreakName; directory: string; keep: boolean; json?: boolean }

const interrupted = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => reject(new Error(`${signal}: ending all that was started; nothing was counted`)))
})
interrupted.catch(() => undefined)

const program = new Command('npm run chaos --')
  .description(
    'Runs gateway, detectors, casework and console as processes of their own on servers of their own, loads them with a simulated bank, with\n' +
      'resends, records out of order and poison, and kills, freezes and cuts off everything in turn. Then it counts the harm, from what was sent,\n' +
      "TiDB, the topics and BullMQ's queue. The exit status is 0 when there is none.",
  )
  .option('--transactions <number>', 'distinct transactions (default: 20000; with --break 3000)', whole(1000))
  .option(
    '--kills <number>',
    'how often something is killed with SIGKILL, each time beside or before a fault of another kind (default: 10; with --break 0)',
    whole(0),
  )
  .option('--seed <number>', 'decides the load, the faults and their order', whole(0), 1)
  .addOption(
    new Option(
      '--break <what>',
      'disable one thing on purpose, and bring about what it is there for; the exit status is 0 when the check catches it',
    ).choices(Object.keys(breaks)),
  )
  .option('--directory <path>', 'where the servers live while it runs; the logs stay', '.assay/chaos')
  .option('--keep', 'leave the servers and what they hold when it is over', false)
  .option('--json', 'print the counts as JSON on the last line')
  .addHelpText(
    'after',
    `
Faults: kill (SIGKILL), freeze (SIGSTOP), cut (connections to a server end), partition (nothing comes through, and nobody is told),
join (one more detector comes and leaves by SIGTERM), leave (a detector ends by SIGTERM and comes back), wipe (Redis comes back empty).
recoveryMsMax: milliseconds from the end of a fault (a service's process started again, a server answering again, a process continued,
a link back) until all that was sent before is decided.

Counts of harm:
${Object.entries(harms)
  .map(([name, meaning]) => `  ${name.padEnd(19)} ${meaning}`)
  .join('\n')}
  verifyDifferences   decisions that come out otherwise when they are recomputed
  crashes             services that ended by themselves

Examples:
  npm run chaos
  ASSAY_SQL=tidb npm run chaos -- --transactions 100000 --kills 30 --json
  npm run chaos -- --break fencing

--break:
${Object.entries(breaks)
  .map(([name, { caughtBy }]) => `  ${name.padEnd(14)} caught by ${caughtBy}`)
  .join('\n')}`,
  )
  .action(async ({ json, ...given }: Options) => {
    const began = Date.now()
    const say = (line: string) => process.stderr.write(`chaos ${((Date.now() - began) / 1000).toFixed(0).padStart(4)} s: ${line}\n`)
    const defaults = given.break ? { transactions: 3000, kills: 0 } : { transactions: 20_000, kills: 10 }
    const { figures, good, verdict } = await chaos({ ...defaults, ...given, say, interrupted })
    for (const [name, value] of Object.entries(figures))
      process.stdout.write(`${name.padEnd(20)} ${typeof value === 'object' ? JSON.stringify(value) : value}\n`)
    process.stdout.write(`${verdict}\n`)
    if (json) process.stdout.write(`${JSON.stringify(figures)}\n`)
    process.exitCode = good ? 0 : 1
  })

await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`chaos: ${messageOf(error)}\n`)
  process.exitCode = 1
})
