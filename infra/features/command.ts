/** `npm run assay -- features compare`: the features of a data set in files, beside those that others published for it. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { featuresOf, readFeatureProfile } from '../../models/columns/feature-profile.ts'
import { AssayError, messageOf } from '../../services/shared/errors.ts'
import { print } from '../local.ts'
import { createProgressLine } from '../progress-line.ts'
import { readMap } from '../replay.ts'
import { type Compared, compareFeatures, type FeatureDifference } from './compare.ts'
import type { Spread } from './spread.ts'

type Options = { map: string; profile: string; json?: boolean }

/** The files of a data set: `transactions` and those with published features, CSV or NDJSON, plain or gzip. */
function filesIn(folder: string): { transactions: string; published: string[] } {
  let names: string[]
  try {
    names = readdirSync(folder).sort()
  } catch (error) {
    throw new AssayError('folder_missing', `${folder} cannot be read: ${messageOf(error)}`, { cause: error })
  }
  const [transactions] = names.filter((name) => /^transactions\.(csv|ndjson)(\.gz)?$/.test(name))
  const published = names.filter((name) => /^features.*\.(csv|ndjson)(\.gz)?$/.test(name))
  if (transactions === undefined || published.length === 0)
    throw new AssayError(
      'file_missing',
      `${folder} must have transactions.csv or transactions.csv.gz, and published features in features*.csv or features*.csv.gz`,
    )
  return { transactions: join(folder, transactions), published: published.map((name) => join(folder, name)) }
}

const number = (value: number): string => (Number.isInteger(value) ? String(value) : value.toPrecision(6))

function printDifferences(differences: readonly FeatureDifference[]): void {
  const width = Math.max(...differences.map(({ name }) => name.length))
  print(`${'feature'.padEnd(width)}      rows  differing  largest difference`)
  for (const { name, rows, differing, largest } of differences)
    print(`${name.padEnd(width)} ${String(rows).padStart(9)} ${String(differing).padStart(10)}  ${number(largest)}`)
  for (const { name, first } of differences) {
    if (first.length === 0) continue
    print(`first that differ in ${name}:`)
    for (const { id, published, ours } of first) print(`  ${id}: published ${number(published)}, ours ${number(ours)}`)
  }
}

function printSpreads(spreads: Readonly<Record<string, Spread>>): void {
  print('relative errors of what the counters that serve approximate (of counts under 1 the differences)')
  const width = Math.max(...Object.keys(spreads).map((name) => name.length))
  for (const [name, { p50, p95, p99, max }] of Object.entries(spreads))
    print(`  ${name.padEnd(width)}  p50 ${number(p50)}  p95 ${number(p95)}  p99 ${number(p99)}  max ${number(max)}`)
}

async function compare(folder: string, options: Options): Promise<void> {
  const map = readMap(options.map)
  const profile = readFeatureProfile(options.profile)
  featuresOf(profile, map.label && map.label.delayDays * 86_400_000)
  const progress = createProgressLine()
  let found: Compared
  try {
    found = await compareFeatures({ ...filesIn(folder), map, profile, progress: (text) => progress.show(() => text) })
  } finally {
    progress.end()
  }
  printDifferences(found.features)
  printSpreads(found.counters)
  const { rows, rowsCompared, rowsMissing, cardRowsDiffering, terminalRowsDiffering, foldPerSecond, foldAllPerSecond, seconds } = found
  print(
    `${rows} transactions read, ${rowsCompared} of them have published features, which ${rowsMissing} more have that are no transactions`,
  )
  print(`rows that differ: ${cardRowsDiffering} in features of the card, ${terminalRowsDiffering} of the terminal`)
  print(
    `${foldPerSecond}/s with this profile, ${foldAllPerSecond}/s with all features that serve, of CPU time with reading; ${seconds} s in all`,
  )
  if (options.json) print(JSON.stringify(found))
}

const help = `
The folder has transactions.csv.gz, in order of time, and published features in features*.csv.gz, whose rows have the same ids; NDJSON and
files that are not compressed will do. The map says which column is what, as for replay; the profile which features there are, of which
entity, over which windows, and how they are called. These two are all that another data set needs. Values are equal
within a millionth of each other, or 1e-9.
The last line with --json has every figure; rates count the CPU time of all threads, so that they are those of one core.

Examples:
  npm run assay -- features compare ../shared/data/handbook
  npm run assay -- features compare my-cards --map my-cards/map.json --profile my-cards/profile.json --json`

/** The command, to be mounted under `npm run assay -- features`. */
export function compareCommand(): Command {
  return new Command('compare')
    .description('fold a file of transactions and compare features with published ones')
    .argument('<folder>')
    .option('--map <file>', 'which column is what', 'infra/replay/maps/handbook.json')
    .option('--profile <file>', 'which features there are', 'models/columns/profiles/handbook.json')
    .option('--json', 'print all figures as one JSON object on the last line')
    .addHelpText('after', help)
    .action(compare)
}
