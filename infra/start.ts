/**
 * `npm start`: servers, schema, a demonstration bank, every service in this one process, and the simulator as the bank's stream.
 * With `--transactions N --exit` it plays N as fast as it can, waits until all is decided, counts, and ends.
 */
import { Command } from 'commander'
import { messageOf } from '../services/shared/errors.ts'
import { startDemonstration } from './start/demonstration.ts'
import { playAndCount } from './start/exam.ts'
import { watch } from './start/watch.ts'

const whole = (name: string) => (text: string) => {
  if (!/^\d+$/.test(text)) throw new Error(`${name} is '${text}', not a whole number`)
  return Number(text)
}

const program = new Command('npm start --')
  .description('Brings up Kafka, TiDB and Redis, starts every service, and plays a bank against them.')
  .option('--transactions <number>', 'how many transactions to play (default: go on until Ctrl-C)', whole('--transactions'))
  .option('--rate <number>', 'transactions a second (default: 50, or as fast as it can with --exit)', whole('--rate'))
  .option('--seed <number>', 'seed of the simulated bank (default: another one each time)', whole('--seed'))
  .option('--exit', 'play --transactions, wait until all is decided, count from TiDB and the topics, and end')
  .option('--json', 'print the count as one JSON object on the last line')
  .option('--no-play', 'only start the servers and services: the stream is your own')
  .option('--directory <path>', 'where the local servers live', '.assay')
  .addHelpText(
    'after',
    `
Examples:
  npm start                                          a bank at 50 transactions a second, until Ctrl-C
  npm start -- --rate 500
  npm start -- --no-play                             your own stream: see README.md
  npm start -- --transactions 20000 --exit --json    play, count, end`,
  )
  .action(
    async (options: {
      transactions?: number
      rate?: number
      seed?: number
      exit?: boolean
      json?: boolean
      play: boolean
      directory: string
    }) => {
      const seed = options.seed ?? (Date.now() % 1_000_000) + 20_000
      const quick = options.exit === true
      const demonstration = await startDemonstration({ directory: options.directory, quick })
      let harm = false
      try {
        if (quick)
          harm = await playAndCount(demonstration, {
            transactions: options.transactions ?? 20_000,
            rate: options.rate,
            seed,
            json: options.json === true,
          })
        else await watch(demonstration, { transactions: options.transactions, rate: options.rate ?? 50, seed, play: options.play })
      } finally {
        await demonstration.stop()
      }
      process.exitCode = harm ? 1 : 0
    },
  )

await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`assay: ${messageOf(error)}\n`)
  process.exitCode = 1
})
// What keeps the process alive after everything was stopped is a fault, but not one that a caller should wait for.
setTimeout(() => process.exit(), 3000).unref()
