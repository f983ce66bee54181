/** What one customer did, newest first, with what was decided and what was said about it since. */
import { actions } from '../shared/events.ts'
import type { Database } from '../shared/tidb/database.ts'
import { decodeReasons } from '../shared/tidb/row-bytes.ts'
import { decodeEvent } from '../shared/tidb/row-event.ts'
import type { TimelineEntry } from './api.ts'

type Row = {
  id: string
  time: number
  event: Buffer
  score: number
  action: number
  sampled: number
  reasons: Buffer | null
  model: number
  policy: number
  decided: number
}
type LabelRow = {
  transaction_id: string
  value: TimelineEntry['labels'][number]['value']
  source: TimelineEntry['labels'][number]['source']
  known_at: number
  said_by: string | null
}
type OutcomeRow = { transaction_id: string; result: NonNullable<TimelineEntry['outcome']>['result']; happened_at: number }

const columns = 'id, time, event, score, action, sampled, reasons, model, policy, decided'
const most = 200

/** The customer's last 200 transactions, and those of the case however old they are. */
export async function readTimeline(
  database: Database,
  tenant: string,
  customer: string,
  inCase: ReadonlySet<string>,
): Promise<TimelineEntry[]> {
  const rows = await database.query<Row>(
    `SELECT ${columns} FROM transactions WHERE tenant = ? AND customer = ? ORDER BY time DESC, id DESC LIMIT ${most}`,
    [tenant, customer],
  )
  const found = new Set(rows.map((r) => r.id))
  const older = [...inCase].filter((id) => !found.has(id)).slice(0, most)
  if (older.length > 0) {
    rows.push(
      ...(await database.query<Row>(
        `SELECT ${columns} FROM transactions WHERE tenant = ? AND id IN (${marks(older)}) ORDER BY time DESC, id DESC`,
        [tenant, ...older],
      )),
    )
  }
  if (rows.length === 0) return []
  const ids = rows.map((r) => r.id)
  const labels = await database.query<LabelRow>(
    `SELECT transaction_id, value, source, known_at, said_by FROM labels WHERE tenant = ? AND transaction_id IN (${marks(ids)}) ORDER BY known_at`,
    [tenant, ...ids],
  )
  const outcomes = await database.query<OutcomeRow>(
    'SELECT transaction_id, result, happened_at FROM outcomes WHERE tenant = ? AND customer = ? AND known_at >= ? ORDER BY known_at',
    [tenant, customer, Number(rows.at(-1)?.time)],
  )
  const outcomeOf = new Map(outcomes.map((o) => [o.transaction_id, { result: o.result, happenedAt: Number(o.happened_at) }]))
  return rows.map((row) => ({
    event: decodeEvent({ ...row, tenant, customer }),
    time: Number(row.time),
    decided: Number(row.decided),
    score: row.score,
    action: actions[row.action],
    sampled: row.sampled === 1,
    reasons: decodeReasons(row.reasons),
    model: row.model,
    policy: row.policy,
    inCase: inCase.has(row.id),
    labels: labels
      .filter((l) => l.transaction_id === row.id)
      .map((l) => ({ value: l.value, source: l.source, knownAt: Number(l.known_at), by: l.said_by })),
    outcome: outcomeOf.get(row.id) ?? null,
  }))
}

const marks = (values: readonly unknown[]): string => values.map(() => '?').join(', ')
