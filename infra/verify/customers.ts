/** What TiDB holds of a few customers, as their decisions came out of it: rows in the order of the log, and what was told beside them. */
import { declineLag } from '../../models/fold/declines.ts'
import { horizon } from '../../models/fold/history.ts'
import type { CustomerFacts } from '../../models/fold/parties.ts'
import { positionOf } from '../../services/detector/batch.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import type { EventRow } from '../../services/shared/tidb/row-event.ts'

export type Range = { from: number; to: number }
export type Row = EventRow & {
  content_hash: Buffer
  part: number
  log: number
  log_offset: number
  outcomes_to: number
  parties_to: number
  base_amount: number
  features: Buffer
  feature_set: Buffer
  score: number
  action: number
  alert: number
  sampled: number
  challengers: Buffer | null
  model: number
  policy: number
  backend: number
}
export type Told = { customer: string; position: number; happened_at: number; known_at: number; result: string; id: string }
export type Version = CustomerFacts & { customer: string; position: number }
export type Held = { rows: Row[]; outcomes: Told[]; versions: Version[] }

const page = 100

/** The bank's customers with a transaction in the range, a hundred at a time, in order. */
export async function* customersIn(database: Database, tenant: string, { from, to }: Range): AsyncGenerator<string[]> {
  for (let after = ''; ; ) {
    const rows = await database.query<{ customer: string }>(
      `SELECT DISTINCT customer FROM transactions WHERE tenant = ? AND customer > ? AND time >= ? AND time < ? ORDER BY customer LIMIT ${page}`,
      [tenant, after, from, to],
    )
    if (rows.length === 0) return
    yield rows.map((r) => r.customer)
    after = rows[rows.length - 1].customer
  }
}

/** All that may have been in the histories of these customers when their transactions in the range were decided, by customer. */
export async function readHeld(
  database: Database,
  tenant: string,
  customers: readonly string[],
  { from, to }: Range,
): Promise<Map<string, Held>> {
  const held = new Map<string, Held>(customers.map((c) => [c, { rows: [], outcomes: [], versions: [] }]))
  const since = from - horizon
  const rows = await database.query<Row>(
    `SELECT tenant, customer, time, id, event, content_hash, part, log, log_offset, outcomes_to, parties_to, base_amount, features, feature_set, score, action, alert,
       sampled, challengers, model, policy, backend FROM transactions WHERE tenant = ? AND customer IN (?) AND time > ? AND time < ?`,
    [tenant, customers, since, to + horizon] as never,
  )
  const outcomes = await database.query<Told>(
    `SELECT customer, position, happened_at, known_at, result, id FROM outcomes WHERE tenant = ? AND customer IN (?) AND happened_at > ?`,
    [tenant, customers, since - declineLag] as never,
  )
  const versions = await database.query<Version>(
    'SELECT customer, position, valid_from AS validFrom, lat, lon, zone, opened FROM customers WHERE tenant = ? AND customer IN (?)',
    [tenant, customers] as never,
  )
  for (const row of rows) held.get(row.customer)?.rows.push(row)
  for (const row of outcomes) held.get(row.customer)?.outcomes.push(row)
  for (const row of versions) held.get(row.customer)?.versions.push(row)
  const byPosition = (a: { position: number }, b: { position: number }) => a.position - b.position
  for (const h of held.values()) {
    h.rows.sort((a, b) => positionOf(a.log, a.log_offset) - positionOf(b.log, b.log_offset))
    h.outcomes.sort(byPosition)
    h.versions.sort(byPosition)
  }
  return held
}
