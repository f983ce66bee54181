/** `npm run model -- compare`: two models side by side, by what their manifests say and by what both scored for a bank. */
import { type Command, InvalidArgumentError } from 'commander'
import { print, withDatabase } from '../../infra/local.ts'
import { table } from '../../infra/table.ts'
import { readVersion } from '../../services/shared/tidb/models.ts'
import { compared, comparisonOf } from '../comparison.ts'
import { type Agreement, agreementOf, type Counts, type Raised, type Ranking } from '../evaluation/agreement.ts'
import { instant } from './source.ts'
import { versionOf } from './versions.ts'

type Options = { tenant?: string; from?: number; to?: number; at?: number; budget?: number; json?: boolean }

const fixed = (x: number | null, digits = 4) => (x === null ? '-' : x.toFixed(digits))
const counts = (name: string, { rows, frauds, genuine }: Counts) => [name, String(rows), String(frauds), String(genuine)]

function raisedTable({ both, onlyA, onlyB }: Raised, a: number, b: number): string {
  const lines = [counts('both', both), counts(`model ${a} alone`, onlyA), counts(`model ${b} alone`, onlyB)]
  return table(['raised by', 'alerts', 'fraud', 'genuine'], lines)
}

function showAgreement(agreement: Agreement): void {
  const { tenant, a, b, rows, from, to, correlation, rankCorrelation, meanA, meanB, atThresholds, atBudget, labelled } = agreement
  const day = (time: number) => new Date(time).toISOString().slice(0, 10)
  print(`\n${rows} transactions of ${tenant} from ${day(from)} to ${day(to)} were scored by both`)
  print(`correlation of the scores ${fixed(correlation)}, of their ranks ${fixed(rankCorrelation)}`)
  print(`mean score ${meanA.toExponential(3)} and ${meanB.toExponential(3)}\n`)
  print(`By the bank's thresholds\n${raisedTable(atThresholds, a, b)}\n`)
  print(`With ${atBudget.alerts} alerts each\n${raisedTable(atBudget, a, b)}\n`)
  print(`${labelled.rows} of which it is known what they were: ${labelled.frauds} frauds, ${labelled.genuine} genuine`)
  const line = (name: string, pick: (of: Ranking) => number | null) => [name, fixed(pick(labelled.a)), fixed(pick(labelled.b))]
  print(table(['', `model ${a}`, `model ${b}`], [line('AUC', (of) => of.auc), line('average precision', (of) => of.averagePrecision)]))
  if (agreement.disagreements.length === 0) return
  print('\nRaised by one alone, those first on which they differ most')
  print(
    table(
      ['transaction', 'customer', `model ${a}`, `model ${b}`, 'what it was'],
      agreement.disagreements.map((d) => [d.id, d.customer, fixed(d.a, 6), fixed(d.b, 6), d.label]),
    ),
  )
}

async function compare(first: string, second: string, { tenant, json, ...span }: Options): Promise<void> {
  const [a, b] = [versionOf(first), versionOf(second)]
  await withDatabase(async (database) => {
    const comparison = comparisonOf(await readVersion(database, a), await readVersion(database, b))
    const agreement = tenant === undefined ? undefined : await agreementOf(database, { tenant, a, b, ...span })
    if (json) return print(JSON.stringify({ ...comparison, ...(agreement && { agreement }) }))
    const [ofA, ofB] = comparison.versions.map((v) => v.figures.network)
    print(
      table(
        ['', `model ${a}`, `model ${b}`, 'difference'],
        compared.map((f) => [f, String(ofA[f]), String(ofB[f]), comparison.differences[f].toFixed(4)]),
      ),
    )
    if (!comparison.sameData) print('\nThey were judged on different data: the figures say little about which is better.')
    if (agreement) showAgreement(agreement)
  })
}

const positive = (text: string): number => {
  const number = Number(text)
  if (!(number > 0 && Number.isFinite(number))) throw new InvalidArgumentError('It is not a number above 0.')
  return number
}

/** Adds the command. */
export function addCompare(program: Command): void {
  program
    .command('compare')
    .description('two models side by side; with --tenant also on what both scored for that bank, one of them in shadow')
    .argument('<a>', 'version of the registry')
    .argument('<b>', 'another one')
    .option('--tenant <tenant>', 'the bank')
    .option('--from <time>', 'transactions that happened from then on (default: 30 days before --to)', instant)
    .option('--to <time>', 'and before then (default: now)', instant)
    .option('--at <time>', 'by labels as they were known then, instead of now', instant)
    .option('--budget <number>', 'alerts a day to compare both at (default: as many as the first raises)', positive)
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  npm run model -- compare 1 2\n  npm run model -- compare 1 2 --tenant demo-bank --from 2026-03-01 --budget 40',
    )
    .action(compare)
}
