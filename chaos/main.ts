/** `npm run chaos`: kills, freezes and cuts off everything under load, and counts the harm. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { messageOf } from '../services/shared/errors.ts'
import { type BreakName, breaks } from './breaks.ts'
import { chaos } from './chaos.ts'

const whole = (least: number) => (text: string) => {
  if (!/^\d+$/.test(text) || Number(text) < least) throw new InvalidArgumentError(`It is not a whole number of at least ${least}.`)
  return Number(text)
}

const program = new Command('npm run chaos --')
  .description(
    'Runs gateway, two detectors, casework and console as processes of their own on servers of their own, loads them with a simulated bank, with\n' +
      'resends, late records and poison, and kills, freezes and cuts off everything in turn. Then counts the harm from what was sent.',
  )
  .option('--transactions <number>', 'distinct transactions', whole(1000), 20_000)
  .option(
    '--kills <number>',
    'how often something is killed with SIGKILL; three in four are followed by a fault of another kind',
    whole(1),
    10,
  )
  .option('--seed <number>', 'decides the faults, their order and the load', whole(0), 1)
  .addOption(
    new Option('--break <what>', 'disable one thing on purpose; the run then succeeds when the check catches it').choices(
      Object.keys(breaks),
    ),
  )
  .option('--directory <path>', 'where the servers live', '.assay/chaos')
  .option('--json', 'print the counts as JSON on the last line')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run chaos\n  ASSAY_SQL=tidb npm run chaos -- --transactions 100000 --kills 30 --json\n  npm run chaos -- --break fencing',
  )
  .action(async (options: { transactions: number; kills: number; seed: number; break?: BreakName; directory: string; json?: boolean }) => {
    const counts = await chaos({ ...options, say: (line) => process.stderr.write(`chaos: ${line}\n`) })
    for (const [name, value] of Object.entries(counts.figures))
      process.stdout.write(`${name.padEnd(20)} ${typeof value === 'object' ? JSON.stringify(value) : value}\n`)
    process.stdout.write(`${counts.verdict}\n`)
    if (options.json) process.stdout.write(`${JSON.stringify(counts.figures)}\n`)
    process.exitCode = counts.good ? 0 : 1
  })

await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`chaos: ${messageOf(error)}\n`)
  process.exitCode = 1
})
