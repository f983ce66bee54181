/** `npm run assay -- simulate`: plays a simulated bank to a file, to Kafka or to the gateway. */
import { setTimeout } from 'node:timers/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { AssayError } from '../services/shared/errors.ts'
import type { Transaction } from '../services/shared/events.ts'
import { localConfig } from './local.ts'
import { createProgressLine } from './progress-line.ts'
import { type SimulatedEvent, simulate } from './simulator/simulate.ts'
import { csvSink, gatewaySink, kafkaSink, ndjsonSink, type Sink } from './simulator/sinks.ts'
import { createTextFile } from './text-file.ts'

type Options = {
  to: 'file' | 'kafka' | 'gateway'
  out?: string
  format: 'ndjson' | 'csv'
  tenant: string
  seed: number
  transactions: number
  customers?: number
  days?: number
  start?: number
  resends: number
  fraudRate: number
  rate?: number
  truth?: string
  url?: string
  key?: string
  json?: boolean
}

const batchSize = 1000

const numberThat = (is: string, fits: (value: number) => boolean) => (text: string) => {
  const value = Number(text)
  if (text.trim() === '' || !fits(value)) throw new InvalidArgumentError(`It is not ${is}.`)
  return value
}
const whole = numberThat('a whole number', (n) => Number.isSafeInteger(n) && n >= 0)
const positive = numberThat('a number above 0', (n) => n > 0 && n < Number.POSITIVE_INFINITY)
const share = numberThat('a share between 0 and 1', (n) => n >= 0 && n <= 1)

const instant = (text: string) => {
  const value = Date.parse(text)
  if (Number.isNaN(value)) throw new InvalidArgumentError('It is not a time such as 2026-03-01T00:00:00Z.')
  return value
}

async function sinkOf(o: Options): Promise<Sink> {
  if (o.to === 'file') {
    if (!o.out) throw new AssayError('out_missing', '--to file needs --out, the file to write (- for standard output)')
    return o.format === 'csv' ? csvSink(o.out) : ndjsonSink(o.out)
  }
  const config = await localConfig()
  if (o.to === 'kafka') return kafkaSink(config, o.tenant)
  if (!o.key) throw new AssayError('key_missing', `Set ASSAY_API_KEY to a key of the bank: npm run assay -- keys add ${o.tenant}`)
  return gatewaySink(o.url ?? `http://${config.host}:${config.gatewayPort}`, o.key)
}

async function run(o: Options): Promise<void> {
  const { seed, tenant, transactions, customers, days, start, resends, fraudRate } = o
  const live = o.to !== 'file' && o.rate ? { rate: o.rate } : undefined
  const counts: Record<string, number> = { transactions: 0, resends: 0, frauds: 0, outcomes: 0, parties: 0, labels: 0 }
  const began = Date.now()
  const seconds = () => (Date.now() - began) / 1000
  const perSecond = () => Math.round(counts.transactions / Math.max(0.001, seconds()))
  const progress = createProgressLine()
  const sink = await sinkOf(o)
  const truth = o.truth ? createTextFile(o.truth) : undefined
  let batch: SimulatedEvent[] = []
  const flush = async () => {
    await sink.send(batch)
    await truth?.write(
      batch.map((e) => (e.fraud ? `${JSON.stringify({ id: (e.event as Transaction).id, fraud: e.fraud })}\n` : '')).join(''),
    )
    batch = []
    progress.show(() => `${counts.transactions} of ${transactions} transactions, ${perSecond()}/s`)
  }
  try {
    for (const event of simulate({ seed, tenant, transactions, customers, days, start, resends, fraudRate, live })) {
      if (live && event.at > Date.now()) {
        if (batch.length > 0) await flush()
        await setTimeout(event.at - Date.now())
      }
      batch.push(event)
      counts[event.topic === 'transactions' && event.resend ? 'resends' : event.topic]++
      if (event.fraud) counts.frauds++
      if (batch.length >= batchSize) await flush()
    }
    await flush()
  } finally {
    progress.end()
    try {
      await sink.end()
    } finally {
      await truth?.end()
    }
  }
  process.stderr.write(
    o.json
      ? `${JSON.stringify({ ...counts, seconds: seconds(), perSecond: perSecond() })}\n`
      : `${counts.transactions} transactions, ${counts.frauds} of them fraud, and ${counts.resends} resends in ${seconds().toFixed(1)} s (${perSecond()}/s)\n`,
  )
}

export const simulateCommand = (): Command =>
  new Command('simulate')
    .description('play a simulated bank: customers, transactions, outcomes, labels and resends, all from a seed')
    .addOption(new Option('--to <where>', 'where it goes').choices(['file', 'kafka', 'gateway']).default('file'))
    .option('--out <file>', 'file to write, - for standard output')
    .addOption(
      new Option('--format <format>', 'ndjson: everything with its topic; csv: transactions only')
        .choices(['ndjson', 'csv'])
        .default('ndjson'),
    )
    .option('--truth <file>', 'NDJSON of the ids that are fraud, and of what kind')
    .option('--tenant <tenant>', 'the bank', 'demo-bank')
    .option('--seed <number>', 'seed; the same gives the same bank', whole, 1)
    .option('--transactions <number>', 'distinct transactions', whole, 10_000)
    .option('--customers <number>', 'customers (default: a twelfth of the transactions)', whole)
    .option('--days <number>', 'days over which they are spread (default: as the habits come)', positive)
    .option('--resends <share>', 'share that is sent twice', share, 0.01)
    .option('--fraud-rate <share>', 'share that is fraud', share, 0.005)
    .option('--start <time>', 'when it begins (default: so that it ends now)', instant)
    .option(
      '--rate <number>',
      'to Kafka or the gateway: transactions a second, with times of now, into which everyone’s habits are pressed (default: as fast as it can)',
      positive,
    )
    .option('--url <url>', 'the gateway, if it is not the local one')
    .addOption(new Option('--key <key>', 'API key of the bank, for the gateway').env('ASSAY_API_KEY'))
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      `
Examples:
  npm run assay -- simulate --out bank.ndjson --transactions 100000
  npm run assay -- simulate --out bank.csv --format csv --truth frauds.ndjson --seed 7
  npm run -s assay -- simulate --out - | head
  npm run assay -- simulate --to kafka --tenant demo-bank --seed 7 --rate 200
  ASSAY_API_KEY=assay_... npm run assay -- simulate --to gateway --rate 50`,
    )
    .action((options: Options) =>
      run(options).catch((error: unknown) => {
        // Whoever read standard output has what it wanted, as with any pipe into head.
        if (!(error instanceof AssayError && error.code === 'reader_gone')) throw error
      }),
    )
