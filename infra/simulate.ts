/** `npm run assay -- simulate`: plays a simulated bank to a file, to Kafka or to the gateway. */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { createBus } from '../services/shared/bus.ts'
import { AssayError } from '../services/shared/errors.ts'
import { tenantTopic, topics } from '../services/shared/events.ts'
import { createTelemetry } from '../services/shared/telemetry.ts'
import { localConfig } from './local.ts'
import { type SimulatedEvent, simulate } from './simulator/simulate.ts'

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
  gateway: string
  key?: string
  json?: boolean
}

type Sink = { send(events: readonly SimulatedEvent[]): Promise<void>; end(): Promise<void> }

const number = (text: string) => {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0)) throw new InvalidArgumentError('It is not a number of 0 or more.')
  return value
}

const instant = (text: string) => {
  const value = Date.parse(text)
  if (Number.isNaN(value)) throw new InvalidArgumentError('It is not a time such as 2026-03-01T00:00:00Z.')
  return value
}

const columns = [
  'id',
  'kind',
  'originalId',
  'instrument',
  'last4',
  'customer',
  'direction',
  'counterparty',
  'counterpartyName',
  'category',
  'amount',
  'currency',
  'time',
  'entryMode',
  'channel',
  'device',
  'ip',
  'country',
] as const
const cell = (value: unknown) =>
  value === undefined ? '' : /[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value)

/** Transactions as CSV, or everything as NDJSON with its topic. The file is written as fast as the disk takes it. */
function fileSink(path: string, format: Options['format']): Sink {
  const stream = path === '-' ? process.stdout : createWriteStream(path)
  let failed: Error | undefined
  stream.on('error', (error) => {
    failed = error
  })
  let text = format === 'csv' ? `${columns.join(',')},lat,lon\n` : ''
  return {
    async send(events) {
      for (const { topic, event } of events) {
        if (format === 'ndjson') text += `${JSON.stringify({ topic, event })}\n`
        else if (topic === 'transactions')
          text += `${columns.map((c) => cell(event[c])).join(',')},${event.place?.lat ?? ''},${event.place?.lon ?? ''}\n`
      }
      if (failed) throw new AssayError('file_not_written', `${path} could not be written: ${failed.message}`)
      const room = stream.write(text)
      text = ''
      if (!room) await once(stream, 'drain')
    },
    async end() {
      if (path !== '-') await new Promise<void>((resolve) => stream.end(resolve))
    },
  }
}

async function kafkaSink(): Promise<Sink> {
  const config = await localConfig()
  const bus = createBus(config.kafka, { name: 'assay-simulate', telemetry: createTelemetry('assay', config.logLevel) })
  await bus.start()
  return {
    send: (events) =>
      bus.send(
        events.map(({ topic, event }) => ({
          topic: tenantTopic(event.tenant, topic),
          key: (topics[topic].key as (e: unknown) => string)(event),
          value: JSON.stringify(event),
        })),
      ),
    end: () => bus.stop(),
  }
}

/** Events go to the gateway's paths in their order, as NDJSON; the first line that it did not take ends the play. */
function gatewaySink(address: string, key: string): Sink {
  const post = async (topic: string, events: readonly SimulatedEvent[]) => {
    const response = await fetch(`${address}/v1/${topic}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${key}` },
      body: events.map((e) => `${JSON.stringify(e.event)}\n`).join(''),
    })
    const answer = await response.text()
    const wrong = response.ok ? answer.split('\n').find((line) => /"status":"(refused|not_taken)"/.test(line)) : answer
    if (wrong !== undefined)
      throw new AssayError('gateway_refused', `the gateway answered ${response.status} to ${topic}: ${wrong.slice(0, 500)}`)
  }
  return {
    async send(events) {
      for (let from = 0; from < events.length; ) {
        let to = from
        while (to < events.length && events[to].topic === events[from].topic) to++
        await post(events[from].topic, events.slice(from, to))
        from = to
      }
    },
    end: () => Promise.resolve(),
  }
}

async function sinkOf(o: Options): Promise<Sink> {
  if (o.to === 'kafka') return kafkaSink()
  if (o.to === 'gateway') {
    if (!o.key) throw new AssayError('key_missing', '--to gateway needs --key, an API key of the tenant: npm run assay -- keys add --help')
    return gatewaySink(o.gateway, o.key)
  }
  if (!o.out) throw new AssayError('out_missing', '--to file needs --out, the file to write (- for standard output)')
  return fileSink(o.out, o.format)
}

async function run(o: Options): Promise<void> {
  const sink = await sinkOf(o)
  const truth = o.truth ? createWriteStream(o.truth) : undefined
  const counts: Record<string, number> = { transactions: 0, resends: 0, frauds: 0, outcomes: 0, parties: 0, labels: 0 }
  const began = Date.now()
  let said = began
  let batch: SimulatedEvent[] = []
  const flush = async () => {
    if (batch.length === 0) return
    await sink.send(batch)
    batch = []
    if (Date.now() - said < 2000) return
    said = Date.now()
    process.stderr.write(`${counts.transactions} of ${o.transactions} transactions\n`)
  }
  const { seed, tenant, transactions, resends, fraudRate } = o
  const live = o.to !== 'file' && o.rate ? { rate: o.rate } : undefined
  for (const event of simulate({
    seed,
    tenant,
    transactions,
    resends,
    fraudRate,
    ...(o.customers ? { customers: o.customers } : {}),
    ...(o.days ? { days: o.days } : {}),
    ...(o.start ? { start: o.start } : {}),
    ...(live ? { live } : {}),
  })) {
    if (live && event.at > Date.now()) {
      await flush()
      await setTimeout(event.at - Date.now())
    }
    batch.push(event)
    counts[event.topic === 'transactions' && event.resend ? 'resends' : event.topic]++
    if (event.fraud) {
      counts.frauds++
      truth?.write(`${JSON.stringify({ id: (event.event as { id: string }).id, fraud: event.fraud })}\n`)
    }
    if (batch.length >= 1000) await flush()
  }
  await flush()
  await sink.end()
  await new Promise<void>((resolve) => (truth ? truth.end(resolve) : resolve()))
  const seconds = (Date.now() - began) / 1000
  const summary = { ...counts, seconds, perSecond: Math.round(counts.transactions / seconds) }
  process.stderr.write(
    o.json
      ? `${JSON.stringify(summary)}\n`
      : `${counts.transactions} transactions, ${counts.frauds} of them fraud, and ${counts.resends} resends in ${seconds.toFixed(1)} s (${summary.perSecond}/s)\n`,
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
    .option('--seed <number>', 'seed; the same gives the same bank', number, 1)
    .option('--transactions <number>', 'distinct transactions', number, 10_000)
    .option('--customers <number>', 'customers (default: a twelfth of the transactions)', number)
    .option('--days <number>', 'days over which they are spread (default: as the habits come)', number)
    .option('--resends <share>', 'share that is sent twice', number, 0.01)
    .option('--fraud-rate <share>', 'share that is fraud', number, 0.005)
    .option('--start <time>', 'when it begins (default: so that it ends now)', instant)
    .option('--rate <number>', 'to Kafka or the gateway: transactions a second, with times of now (default: as fast as it can)', number)
    .option('--gateway <url>', 'address of the gateway', 'http://127.0.0.1:8400')
    .option('--key <key>', 'API key for the gateway')
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      `
Examples:
  npm run assay -- simulate --out bank.ndjson --transactions 100000
  npm run assay -- simulate --out bank.csv --format csv --truth frauds.ndjson --seed 7
  npm run assay -- simulate --to kafka --tenant demo-bank --seed 7 --rate 200`,
    )
    .action(run)
