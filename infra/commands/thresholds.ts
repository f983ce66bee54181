/** `npm run assay -- thresholds`: which thresholds a bank should set, by what was decided for it and what is known of that now. */
import { Command, InvalidArgumentError } from 'commander'
import { labelsAsKnown, unknown } from '../../models/data/dataset.ts'
import { readDataset } from '../../models/data/from-database.ts'
import { type Effect, type Point, type Suggestion, suggestThresholds, type Thresholds } from '../../models/thresholds/suggest.ts'
import { exponentOf } from '../../services/shared/currencies.ts'
import { AssayError } from '../../services/shared/errors.ts'
import { actions } from '../../services/shared/events.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { saveSettings } from '../../services/shared/tidb/settings.ts'
import { print, withDatabase } from '../local.ts'
import { findTenant } from './tenants.ts'

type Options = {
  tenant: string
  budget?: number
  /** Milliseconds since 1970, as are the others; without it the 30 days before `to`. */
  from?: number
  /** No later than the time from which on silence does not count as genuine yet. */
  to?: number
  /** Labels count that were known then. */
  at?: number
  challengePrecision: number
  declinePrecision: number
}

type Answer = Suggestion & {
  tenant: string
  currency: string
  from: string
  to: string
  days: number
  rows: number
  /** Rows whose labels are inconclusive. */
  unclear: number
  /** Version of the settings that are in force. */
  settings: number
}

const day = 86_400_000

/** Reads what was decided in that time, and suggests. Throws what `readDataset` and `suggestThresholds` throw. */
export async function suggestFor(database: Database, options: Options): Promise<Answer> {
  const { at = Date.now(), budget, challengePrecision, declinePrecision } = options
  const { tenant, settings, version } = await findTenant(database, options.tenant)
  const to = Math.min(options.to ?? at, at - settings.labels.maturityDays * day)
  const data = await readDataset(database, { tenants: [tenant], at, from: options.from ?? to - 30 * day, to }).catch((error: unknown) => {
    if (!(error instanceof AssayError && error.code === 'data_empty')) throw error
    throw new AssayError(
      'data_empty',
      `Nothing of ${tenant} was decided in that time, which ends at ${new Date(to).toISOString()}: silence counts as genuine after ${settings.labels.maturityDays} days`,
    )
  })
  data.matrix.close()
  if (!data.recordedScores) throw new AssayError('scores_missing', `The scores of ${tenant} were not recorded`)
  const { recordedScores: scores, weights, amounts, times, rows } = data
  const labels = labelsAsKnown(data, at)
  const days = Math.max(1, (times[rows - 1] - times[0]) / day)
  const wish = { costs: settings.costs, budget, challengePrecision, declinePrecision, inForce: settings.thresholds }
  const suggestion = suggestThresholds({ scores, labels, weights, amounts, days }, wish)
  const models = data.description.models as number[]
  if (models.length > 1) suggestion.notes.push(`Models ${models.join(', ')} gave these scores; take a time when one decided if they differ`)
  if (actions.some((action) => settings.alertOn.includes(action) !== (action === 'review' || action === 'decline')))
    suggestion.notes.push(`Alerts are raised on ${settings.alertOn.join(', ')}; the figures count what is at or above review`)
  const [from, until] = [times[0], times[rows - 1]].map((time) => new Date(time).toISOString())
  const unclear = labels.reduce((n, label) => n + (label === unknown ? 1 : 0), 0)
  return { tenant, currency: settings.baseCurrency, from, to: until, days, rows, unclear, settings: version, ...suggestion }
}

/** Saves the bank's settings with these thresholds, and returns the version. Throws `settings_changed` if they are others than at `version`. */
export async function applyThresholds(
  database: Database,
  { tenant, settings: version, thresholds }: Pick<Answer, 'tenant' | 'settings' | 'thresholds'>,
  by: string,
): Promise<number> {
  const now = await findTenant(database, tenant)
  if (now.version !== version)
    throw new AssayError('settings_changed', `The settings of ${tenant} have changed meanwhile, from version ${version} to ${now.version}`)
  return saveSettings(database, tenant, { ...now.settings, thresholds }, by)
}

const fixed = (n: number, places = 0): string => (Number.isNaN(n) ? '-' : n.toFixed(places))
const named = ({ challenge, review, decline }: Thresholds): string => `challenge ${challenge}, review ${review}, decline ${decline}`

/** Right-aligned columns under their names. */
function table(rows: string[][]): void {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  for (const row of rows) print(`  ${row.map((cell, column) => cell.padStart(widths[column])).join('  ')}`)
}

function show(answer: Answer): void {
  const money = (minor: number) => (minor / 10 ** exponentOf(answer.currency)).toFixed(0)
  const point = (p: Point) => [fixed(p.threshold, 6), fixed(p.alertsPerDay, 1), fixed(p.precision, 3), fixed(p.recall, 3)]
  print(
    `${answer.tenant}, ${answer.from} to ${answer.to}: ${answer.rows} transactions, ${fixed(answer.frauds)} frauds, ${answer.unclear} unclear`,
  )
  print(`\nSuggested: ${named(answer.thresholds)}`)
  for (const note of answer.notes) print(`Note: ${note}`)
  print(`\nIn that time (money in ${answer.currency})`)
  const line = (name: string, value: (effect: Effect) => number, text: (n: number) => string) => {
    const [before, after] = [value(answer.inForce), value(answer.suggested)]
    return [name, text(before), text(after), `${after < before ? '' : '+'}${text(after - before)}`]
  }
  table([
    ['', `in force (${answer.settings})`, 'suggested', 'change'],
    line('alerts', (e) => e.alerts, fixed),
    line(
      'alerts a day',
      (e) => e.alertsPerDay,
      (n) => fixed(n, 1),
    ),
    line('frauds caught', (e) => e.fraudsCaught, fixed),
    line('saved', (e) => e.saved, money),
    line('cost of reviews', (e) => e.cost, money),
    line('saved less cost', (e) => e.saved - e.cost, money),
    line('challenged', (e) => e.challenged, fixed),
    line('declined', (e) => e.declined, fixed),
    line('genuine declined', (e) => e.genuineDeclined, fixed),
  ])
  print('\nWhat a review threshold would have done')
  table([
    ['threshold', 'alerts a day', 'precision', 'recall', 'saved', 'cost'],
    ...answer.curve.map((p) => [...point(p), money(p.saved), money(p.cost)]),
  ])
}

const instant = (text: string): number => {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new InvalidArgumentError('It is not a date like 2026-03-01 or 2026-03-01T12:00:00Z.')
  return time
}
const positive = (text: string): number => {
  const number = Number(text)
  if (!(number > 0 && Number.isFinite(number))) throw new InvalidArgumentError('It is not a number above 0.')
  return number
}
const share = (text: string): number => {
  const number = positive(text)
  if (number > 1) throw new InvalidArgumentError('It is not a share above 0, at most 1.')
  return number
}

export function thresholdsCommand(): Command {
  const command = new Command('thresholds').description('which scores are challenged, reviewed and declined')
  command
    .command('suggest')
    .description('suggest thresholds by what was decided and is known of it now, and say what they would have changed')
    .requiredOption('--tenant <tenant>', 'the bank')
    .option('--budget <number>', 'as many alerts a day as people have time for', positive)
    .option('--costs', "weigh losses against reviews by the bank's setting costs (default without --budget)")
    .option('--from <time>', 'transactions from then on (default: 30 days before --to)', instant)
    .option('--to <time>', 'and before then (default: the time up to which silence counts as genuine, which is also the latest)', instant)
    .option('--challenge-precision <share>', 'least share of frauds in what is challenged', share, 0.05)
    .option('--decline-precision <share>', 'least share of frauds in what is declined', share, 0.9)
    .option('--apply', 'save the suggestion as a new version of the settings')
    .option('--by <name>', 'who applies it')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  npm run assay -- thresholds suggest --tenant demo-bank --budget 40\n  npm run assay -- thresholds suggest --tenant demo-bank --costs --from 2026-03-01 --to 2026-04-01 --apply --by ana',
    )
    .action((options: Options & { costs?: boolean; apply?: boolean; by?: string; json?: boolean }) =>
      withDatabase(async (database) => {
        if (options.costs && options.budget !== undefined)
          throw new AssayError('goal_unclear', 'Give --budget or --costs: each chooses the review threshold')
        if (options.apply && !options.by) throw new AssayError('person_missing', '--apply needs --by: the settings keep who changed them')
        const answer = await suggestFor(database, options)
        const applied = options.apply && options.by ? await applyThresholds(database, answer, options.by) : undefined
        if (options.json) return print(JSON.stringify({ ...answer, ...(applied !== undefined && { applied }) }))
        show(answer)
        if (applied !== undefined) print(`\n${answer.tenant} has settings of version ${applied}, in force within 5 seconds`)
      }),
    )
  return command
}
