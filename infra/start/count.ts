/** Counts what became of a run from TiDB and from the topics, never from the memory of those who did it. */
import { tenantTopic } from '../../services/shared/events.ts'
import type { Bus } from '../../services/shared/kafka/bus.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { readTopic } from '../read-topic.ts'

export type Decisions = { ids: Map<string, number>; records: number }

/** Reads the decisions topic from its beginning to where it ends now. The value of an id is the time of its first decision. */
export async function readDecisions(bus: Bus, tenant: string, group: string): Promise<Decisions> {
  const ids = new Map<string, number>()
  let records = 0
  await readTopic(bus, tenantTopic(tenant, 'decisions'), group, (r) => {
    records++
    const { id } = JSON.parse((r.value as Buffer).toString()) as { id: string }
    if (!ids.has(id)) ids.set(id, r.timestamp)
  })
  return { ids, records }
}

export type Counts = {
  decided: number
  duplicates: number
  deadLetters: number
  alerts: number
  cases: number
  escalations: number
  labels: number
}

const one = async (database: Database, sql: string, tenant: string): Promise<number> => {
  const [row] = await database.query<{ n: number }>(sql, [tenant])
  return Number(row.n)
}

/** What TiDB holds of a bank. `escalations` are steps that were taken because nobody had claimed a case in time. */
export async function count(database: Database, tenant: string): Promise<Counts> {
  const [decided, duplicates, deadLetters, alerts, cases, escalations, labels] = await Promise.all([
    one(database, 'SELECT COUNT(*) AS n FROM transactions WHERE tenant = ?', tenant),
    one(database, "SELECT COUNT(*) AS n FROM set_aside WHERE tenant = ? AND topic = 'transactions' AND outcome = 'duplicate'", tenant),
    one(database, 'SELECT COUNT(*) AS n FROM dead_letters WHERE tenant = ?', tenant),
    one(database, 'SELECT COUNT(*) AS n FROM transactions WHERE tenant = ? AND alert = 1', tenant),
    one(database, 'SELECT COUNT(*) AS n FROM cases WHERE tenant = ?', tenant),
    one(database, "SELECT COUNT(*) AS n FROM case_history WHERE tenant = ? AND event = 'escalated'", tenant),
    one(database, 'SELECT COUNT(*) AS n FROM labels WHERE tenant = ?', tenant),
  ])
  return { decided, duplicates, deadLetters, alerts, cases, escalations, labels }
}

/** Cases of a bank and the steps that were taken because nobody claimed one in time: tables that stay small. */
export async function countCases(database: Database, tenant: string): Promise<Pick<Counts, 'cases' | 'escalations'>> {
  const [cases, escalations] = await Promise.all([
    one(database, 'SELECT COUNT(*) AS n FROM cases WHERE tenant = ?', tenant),
    one(database, "SELECT COUNT(*) AS n FROM case_history WHERE tenant = ? AND event = 'escalated'", tenant),
  ])
  return { cases, escalations }
}

/** When Kafka had each transaction, and when it was decided, by id. */
export async function readTimes(database: Database, tenant: string): Promise<{ id: string; received: number; decided: number }[]> {
  return database.query('SELECT id, received, decided FROM transactions WHERE tenant = ?', [tenant])
}

/** The value below which the share `q` of the sorted values lies. */
export const quantile = (sorted: readonly number[], q: number): number =>
  sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]
