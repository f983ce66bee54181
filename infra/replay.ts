/** `npm run assay -- replay`: a bank's file of transactions, played into Assay. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { maskCardNumbersInText } from '../services/shared/card-numbers.ts'
import { AssayError, messageOf } from '../services/shared/errors.ts'
import { createBus } from '../services/shared/kafka/bus.ts'
import { createTelemetry } from '../services/shared/telemetry.ts'
import { createDatabase } from '../services/shared/tidb/database.ts'
import { findTenant } from './commands/tenants.ts'
import { localConfig } from './local.ts'
import { createProgressLine } from './progress-line.ts'
import { checkMap, type ReplayMap } from './replay/map.ts'
import { type Figures, play, type Reject } from './replay/play.ts'
import { rowsOf } from './replay/rows.ts'
import { gatewayTarget, kafkaTarget, type Target } from './replay/targets.ts'
import { createTextFile, type TextFile } from './text-file.ts'

type Options = {
  map: string
  tenant: string
  limit?: number
  speed: number
  to: 'kafka' | 'gateway'
  url?: string
  rejects?: string
  json?: boolean
}

/** Reads and checks a map, or throws `map_invalid` with what is wrong. */
export function readMap(path: string): ReplayMap {
  try {
    return checkMap(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    throw new AssayError('map_invalid', `${path}: ${messageOf(error)}`, { cause: error })
  }
}

/** Writes rejects as NDJSON, card numbers masked; the file is made with the first. */
export function createRejects(path: string) {
  let file: TextFile | undefined
  return {
    async write({ line, reasons, row }: Reject) {
      file ??= createTextFile(path)
      await file.write(`${maskCardNumbersInText(JSON.stringify({ line, reasons, row }))}\n`)
    },
    async end() {
      await file?.end()
    },
  }
}

async function withTarget<T>(options: Options, work: (target: Target) => Promise<T>): Promise<T> {
  const config = await localConfig()
  if (options.to === 'gateway') {
    const key = process.env.ASSAY_API_KEY
    if (!key) throw new AssayError('key_missing', `Set ASSAY_API_KEY to a key of the bank: npm run assay -- keys add ${options.tenant}`)
    return work(gatewayTarget(options.url ?? `http://${config.host}:${config.gatewayPort}`, key))
  }
  const database = createDatabase(config.sql, { poolSize: 1 })
  const bus = createBus(config.kafka, { name: 'assay-replay', telemetry: createTelemetry('assay', config.logLevel) })
  try {
    const bank = await findTenant(database, options.tenant)
    await bus.start()
    return await work(kafkaTarget(bus, { tenant: bank.tenant, settings: bank.settings, tokenKey: config.tokenKey }))
  } finally {
    await bus.stop()
    await database.stop()
  }
}

async function replay(file: string, options: Options): Promise<void> {
  const map = readMap(options.map)
  const path = options.rejects ?? `${basename(file)}.rejects.ndjson`
  const rejects = createRejects(path)
  const progress = createProgressLine()
  const began = Date.now()
  const seconds = () => Math.round((Date.now() - began) / 100) / 10
  await withTarget(options, async (target) => {
    let figures: Figures
    try {
      figures = await play({
        rows: rowsOf(file, map),
        map,
        target,
        reject: rejects.write,
        limit: options.limit,
        speed: options.speed,
        report: ({ read, sent, rejected }) =>
          progress.show(() => `${read} read, ${sent} sent, ${rejected} rejected, ${Math.round(sent / Math.max(0.001, seconds()))}/s`),
      })
    } finally {
      progress.end()
      await rejects.end()
    }
    for (const note of target.notes()) process.stderr.write(`${note}\n`)
    if (options.json) process.stdout.write(`${JSON.stringify({ ...figures, seconds: seconds() })}\n`)
    else
      process.stdout.write(
        `${figures.read} rows read = ${figures.sent} sent + ${figures.rejected} rejected, ${figures.labels} labels sent, in ${seconds()} s` +
          `${figures.rejected + figures.labelsRejected > 0 ? `; ${path} says why` : ''}\n`,
      )
  })
}

const wholeNumber = (text: string): number => {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}
const speedOf = (text: string): number => {
  if (text === 'max') return Number.POSITIVE_INFINITY
  if (text === 'recorded') return 1
  const times = Number(text)
  if (!(times > 0)) throw new InvalidArgumentError('It must be recorded, max, or how many times faster, such as 60.')
  return times
}

const help = `
Time: a record's Kafka timestamp is its transaction's own time, at most now, so that the bank's limits on age and clock compare as they would have
on that day; a file of years ago is decided like today's. Kafka deletes what is older than a topic's retention, so the replay raises the
retention of the bank's topics as far as the file needs and says so. Replay history into a bank of its own. The gateway takes time for what
it is, and refuses what is older than the bank's limit: use it for recent files, with a key in ASSAY_API_KEY.

The map is JSON: "format" csv or ndjson, "transaction" with a source for each field (column, template or constant; values, format, zone, decimal, unit, round, type),
and "label" to send what the file knows of fraud as labels, so many days after the transaction. infra/replay/maps/handbook.json is one.

Rejected rows go to a file, a JSON object a line, with the row's line number and every reason. Rows read = sent + rejected, always.

Example:
  npm run assay -- tenants add handbook
  npm run assay -- replay transactions.csv.gz --map infra/replay/maps/handbook.json --tenant handbook --limit 100000`

/** The command, to be mounted under `npm run assay`. */
export function replayCommand(): Command {
  return new Command('replay')
    .description("play a bank's file of transactions (CSV or NDJSON, plain or gzip) into Assay")
    .argument('<file>')
    .requiredOption('--map <file>', 'how its rows become transactions')
    .option('--tenant <tenant>', 'the bank whose transactions they are', 'demo-bank')
    .option('--limit <number>', 'at most so many rows', wholeNumber)
    .option('--speed <speed>', 'recorded, max, or how many times faster than recorded', speedOf, Number.POSITIVE_INFINITY)
    .addOption(new Option('--to <target>', 'where to').choices(['kafka', 'gateway']).default('kafka'))
    .option('--url <url>', 'the gateway, if it is not the local one')
    .option('--rejects <file>', 'where rejected rows go; in the current folder unless given')
    .option('--json', 'print the summary as JSON')
    .addHelpText('after', help)
    .action(replay)
}
