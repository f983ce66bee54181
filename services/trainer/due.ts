/** Which trainings nobody has to ask for: so many days, or so many labels, after the last one over the same banks. */
import type { Telemetry } from '../shared/telemetry.ts'
import type { Database } from '../shared/tidb/database.ts'
import { readTenants } from '../shared/tidb/settings.ts'
import { isOver, readRuns, requestTraining, type TrainingRun } from '../shared/tidb/training-runs.ts'

const day = 86_400_000

type Bank = { tenant: string; created: number }

/** Banks that count in the same currency are learnt from together, since one model decides for all. */
async function groupsOf(database: Database): Promise<Bank[][]> {
  const created = new Map(
    (await database.query<Bank>('SELECT tenant, created FROM tenants')).map((bank) => [bank.tenant, bank.created] as const),
  )
  const groups = new Map<string, Bank[]>()
  for (const { tenant, settings } of await readTenants(database)) {
    const group = groups.get(settings.baseCurrency) ?? []
    groups.set(settings.baseCurrency, group)
    group.push({ tenant, created: created.get(tenant) ?? 0 })
  }
  return [...groups.values()]
}

/** The newest run that learnt from every bank of the group that there was. */
const lastOf = (banks: readonly Bank[], runs: readonly TrainingRun[]): TrainingRun | undefined =>
  runs.find(({ tenants, asked }) => banks.every(({ tenant, created }) => created > asked || tenants.includes(tenant)))

/** Labels that have come since, counted up to `most`. */
async function labelsSince(database: Database, banks: readonly Bank[], since: number, most: number): Promise<number> {
  let found = 0
  for (const { tenant } of banks) {
    const [{ n }] = await database.query<{ n: number }>(
      'SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM labels WHERE tenant = ? AND received > ? LIMIT ?) some',
      [tenant, since, most - found],
    )
    found += Number(n)
    if (found >= most) break
  }
  return found
}

const dateOf = (time: number): string => new Date(time).toISOString().slice(0, 10)

/** Asks for the runs that are due. `days` and `labels`: after how many; 0 for never. */
export async function askWhatIsDue(
  database: Database,
  { days, labels }: { days: number; labels: number },
  telemetry: Telemetry,
): Promise<void> {
  if (days === 0 && labels === 0) return
  const runs = await readRuns(database, 200)
  for (const banks of await groupsOf(database)) {
    const last = lastOf(banks, runs)
    if (last && !isOver(last)) continue
    const tenants = banks.map((bank) => bank.tenant)
    const since = last?.asked ?? Math.min(...banks.map((bank) => bank.created))
    const whence = last ? `the last training was asked for on ${dateOf(since)}` : `there was no training since ${dateOf(since)}`
    if (days > 0 && Date.now() >= since + days * day) {
      await requestTraining(database, { trigger: 'schedule', tenants, reason: `every ${days} days: ${whence}` })
      telemetry.logger.info({ tenants, since }, 'a training is due by schedule')
    } else if (labels > 0 && (await labelsSince(database, banks, last?.asked ?? 0, labels)) >= labels) {
      await requestTraining(database, { trigger: 'labels', tenants, reason: `${labels} labels or more have come: ${whence}` })
      telemetry.logger.info({ tenants, since }, 'a training is due by new labels')
    }
  }
}
