/** `npm run assay -- verify`: recomputes decisions from the stored history, using only what came earlier in the log. */
import { Command, InvalidArgumentError } from 'commander'
import { AssayError } from '../services/shared/errors.ts'
import type { Database } from '../services/shared/tidb/database.ts'
import { readSettings, type Settings } from '../services/shared/tidb/settings.ts'
import { print, withDatabase } from './local.ts'
import { createProgressLine } from './progress-line.ts'
import { compareCounters, slack } from './verify/counters.ts'
import { customersIn, type Range, type Row, readHeld } from './verify/customers.ts'
import { Stretches } from './verify/offsets.ts'
import { actionDiffers, recompute } from './verify/recompute.ts'
import { createScores } from './verify/scores.ts'

export type Verified = {
  checked: number
  contentsDiffering: number
  featuresDiffering: number
  scoresDiffering: number
  actionsDiffering: number
  /** Offsets between the first and the last checked one of each partition that have no outcome. */
  missing: number
  /** Rows whose features are of another version of the registry; their features and scores are not checked. */
  otherFeatures: number
  /** Decisions whose shared counters were compared, and those that saw what these cannot have held within a minute: not an error while Redis is being filled. */
  countersCompared: number
  countersBeyond: number
  /** The first transactions with a difference. */
  ids: string[]
}

const mostIds = 20

/** Settings by version, each read once. */
function policies(database: Database, tenant: string): (version: number) => Promise<Settings> {
  const known = new Map<number, Settings>()
  return async (version) => {
    const settings = known.get(version) ?? (await readSettings(database, tenant, version))
    known.set(version, settings)
    return settings
  }
}

/** Checks the decisions of one bank on transactions that happened in the range, and adds what it finds to `found`. */
async function verifyBank(database: Database, tenant: string, range: Range, found: Verified, progress: () => void): Promise<void> {
  const scores = createScores(database)
  const policyOf = policies(database, tenant)
  const stretches = new Stretches()
  const note = (id: string) => {
    if (found.ids.length < mostIds && !found.ids.includes(id)) found.ids.push(id)
  }
  try {
    for await (const customers of customersIn(database, tenant, range)) {
      const held = await readHeld(database, tenant, customers, range)
      const scored: Row[] = []
      for (const history of held.values()) {
        for (const { row, sameSet, contentDiffers, featuresDiffer } of recompute(history, range)) {
          found.checked++
          stretches.add(row)
          if (sameSet) scored.push(row)
          else found.otherFeatures++
          const actionDiffersHere = actionDiffers(row, await policyOf(row.policy))
          if (contentDiffers) found.contentsDiffering++
          if (featuresDiffer) found.featuresDiffering++
          if (actionDiffersHere) found.actionsDiffering++
          if (contentDiffers || featuresDiffer || actionDiffersHere) note(row.id)
        }
      }
      for (const row of await scores.differing(scored)) {
        found.scoresDiffering++
        note(row.id)
      }
      progress()
    }
    found.missing += await stretches.missing(database, tenant)
    const counters = await compareCounters(database, tenant, range)
    found.countersCompared += counters.compared
    found.countersBeyond += counters.beyond.length
  } finally {
    scores.stop()
  }
}

/** Checks the decisions of one bank, or of all, on transactions that happened from `from` on and before `to` (milliseconds since 1970). */
export async function verify(
  database: Database,
  options: Range & { tenant?: string },
  progress: (found: Verified) => void = () => undefined,
): Promise<Verified> {
  const found: Verified = {
    checked: 0,
    contentsDiffering: 0,
    featuresDiffering: 0,
    scoresDiffering: 0,
    actionsDiffering: 0,
    missing: 0,
    otherFeatures: 0,
    countersCompared: 0,
    countersBeyond: 0,
    ids: [],
  }
  const tenants = await database.query<{ tenant: string }>(
    'SELECT tenant FROM tenants WHERE tenant = COALESCE(?, tenant) ORDER BY tenant',
    [options.tenant ?? null],
  )
  if (tenants.length === 0) throw new AssayError('tenant_unknown', `There is no tenant '${options.tenant}'`)
  for (const { tenant } of tenants) await verifyBank(database, tenant, options, found, () => progress(found))
  return found
}

/** How many differences there are. */
export const differences = (v: Verified): number =>
  v.contentsDiffering + v.featuresDiffering + v.scoresDiffering + v.actionsDiffering + v.missing

const instant = (text: string): number => {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new InvalidArgumentError('It is not a date like 2026-03-01 or 2026-03-01T12:00:00Z.')
  return time
}

export function verifyCommand(): Command {
  return new Command('verify')
    .description('recompute decisions from the stored history, using only what came earlier in the log; exits with 1 when one differs')
    .requiredOption('--from <time>', 'transactions that happened from here on', instant)
    .requiredOption('--to <time>', 'and before this', instant)
    .option('--tenant <tenant>', 'only this bank')
    .option('--json', 'print the counts as one JSON object on the last line')
    .addHelpText(
      'after',
      '\nExamples:\n  npm run assay -- verify --from 2026-03-01 --to 2026-03-02\n  npm run assay -- verify --from 2026-03-01T08:00:00Z --to 2026-03-01T09:00:00Z --tenant demo-bank --json',
    )
    .action((options: Range & { tenant?: string; json?: boolean }) =>
      withDatabase(async (database) => {
        const line = createProgressLine()
        const found = await verify(database, options, (v) => line.show(() => `${v.checked} checked, ${differences(v)} differ`))
        line.end()
        print(`${found.checked} decisions checked`)
        print(`  content that is not what was hashed    ${found.contentsDiffering}`)
        print(`  features that come out otherwise       ${found.featuresDiffering}`)
        print(`  scores that come out otherwise         ${found.scoresDiffering}`)
        print(`  actions that do not follow             ${found.actionsDiffering}`)
        print(`  offsets without an outcome             ${found.missing}`)
        if (found.otherFeatures > 0)
          print(`  with features of another version       ${found.otherFeatures} (features and scores not checked)`)
        print(
          `shared counters, taken as recorded: ${found.countersCompared} compared, ${found.countersBeyond} beyond what they held within ${slack / 1000} s`,
        )
        if (found.ids.length > 0) print(`the first that differ: ${found.ids.join(' ')}`)
        if (options.json) print(JSON.stringify(found))
        if (differences(found) > 0) process.exitCode = 1
      }),
    )
}
