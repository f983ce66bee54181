/** Where a command's data comes from: a simulated bank, a file with a map, or what was decided for banks. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { withDatabase } from '../../infra/local.ts'
import { checkMap } from '../../infra/replay/map.ts'
import { simulate } from '../../infra/simulator/simulate.ts'
import { AssayError, messageOf } from '../../services/shared/errors.ts'
import { readFeatureProfile } from '../columns/feature-profile.ts'
import type { Dataset } from '../data/dataset.ts'
import { datasetOfFile } from '../data/from-columns.ts'
import { readDataset } from '../data/from-database.ts'
import { foldStream } from '../data/from-simulator.ts'

export type SourceOptions = {
  file?: string
  map?: string
  profile?: string
  tenant?: string[]
  from?: number
  to?: number
  at?: number
  dataSeed: number
  transactions: number
  customers: number
  days: number
}

export const positive = (text: string): number => {
  const value = Number(text)
  if (!(value > 0)) throw new AssayError('option_invalid', `'${text}' is not a positive number`)
  return value
}

/** Milliseconds since 1970 of a date. */
export const instant = (text: string): number => {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new AssayError('option_invalid', `'${text}' is not a date like 2026-03-01 or 2026-03-01T12:00:00Z`)
  return time
}

/** Adds the options that say where the data comes from. */
export const withSource = (command: Command): Command =>
  command
    .option('--file <path>', 'a file of transactions with labels, CSV or NDJSON, plain or gzip, instead of a simulated bank')
    .option('--map <path>', 'how its columns become transactions: see docs/models.md')
    .option('--profile <path>', 'which features it has; those that serve unless given')
    .option(
      '--tenant <name>',
      'what was decided for this bank, with the features of that time; can be repeated',
      (name: string, before: string[] | undefined) => [...(before ?? []), name],
    )
    .option('--from <time>', "the bank's transactions that happened from here on", instant)
    .option('--to <time>', 'and before this', instant)
    .option('--at <time>', 'by labels as they were known then, instead of now', instant)
    .option('--data-seed <number>', 'seed of the simulated bank; take one that nobody plays', positive, 9001)
    .option('--transactions <number>', 'of the simulated bank', positive, 1_000_000)
    .option('--customers <number>', 'of the simulated bank', positive, 12_000)
    .option('--days <number>', 'over which they are spread', positive, 75)

function readMap(path: string | undefined) {
  if (path === undefined) throw new AssayError('option_missing', '--file needs --map: how its columns become transactions')
  try {
    return checkMap(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    throw new AssayError('map_invalid', `${path}: ${messageOf(error)}`, { cause: error })
  }
}

/** Reads or simulates the data set that the options name. */
export async function datasetFrom(options: SourceOptions, report: (line: string) => void): Promise<Dataset> {
  const { tenant: tenants, from, to, at = Date.now() } = options
  if (tenants !== undefined) {
    if (options.file !== undefined) throw new AssayError('option_invalid', 'Data comes from --file or from --tenant, not from both')
    return withDatabase((database) => readDataset(database, { tenants, from, to, at, report }))
  }
  if (from !== undefined || to !== undefined || options.at !== undefined)
    throw new AssayError('option_missing', '--from, --to and --at are for a --tenant')
  if (options.file !== undefined) {
    const profile = options.profile === undefined ? undefined : readFeatureProfile(options.profile)
    return datasetOfFile(options.file, readMap(options.map), profile, report)
  }
  if (options.map !== undefined || options.profile !== undefined)
    throw new AssayError('option_missing', '--map and --profile are for a --file')
  const { dataSeed: seed, transactions, customers, days } = options
  const start = Date.UTC(2025, 0, 6)
  return foldStream(
    simulate({ seed, tenant: 'training', transactions, customers, days, start, resends: 0 }),
    transactions,
    { source: 'infra/simulator', seed, transactions, customers, days },
    (rows) => report(`folded ${rows} of ${transactions}`),
  )
}
