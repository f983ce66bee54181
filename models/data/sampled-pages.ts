/** An even part of what was decided for a bank, page by page: to tell shares of all, some are enough. */
import type { Database } from '../../services/shared/database.ts'
import { type DecidedRow, type LabelRow, type Span, type Stretch, stretchesOf } from './decided-pages.ts'

const page = 2000

export type SampledRow = Pick<
  DecidedRow,
  'id' | 'time' | 'log_offset' | 'score' | 'model' | 'features' | 'feature_set' | 'sampled' | 'sample_probability'
>

/** Of a stretch and a time those whose offsets are multiples of `stride`, without their events. */
export async function* sampledPages(
  database: Database,
  { tenant, part, log }: Stretch,
  { from, to }: Span,
  stride: number,
): AsyncGenerator<SampledRow[]> {
  for (let after = -1; ; ) {
    const rows = await database.query<SampledRow>(
      `SELECT id, time, log_offset, score, model, features, feature_set, sampled, sample_probability FROM transactions
       WHERE tenant = ? AND part = ? AND log = ? AND log_offset > ? AND log_offset % ? = 0 AND time >= ? AND time < ?
       ORDER BY log_offset LIMIT ${page}`,
      [tenant, part, log, after, stride, from, to],
    )
    if (rows.length > 0) yield rows
    if (rows.length < page) return
    after = rows[rows.length - 1].log_offset
  }
}

/** When the first transaction of the bank happened that was decided, to within what was late; undefined without any. */
export async function beginningOf(database: Database, tenant: string): Promise<number | undefined> {
  let first: number | undefined
  for await (const { part, log } of stretchesOf(database, tenant)) {
    const [row] = await database.query<{ time: number }>(
      'SELECT time FROM transactions WHERE tenant = ? AND part = ? AND log = ? ORDER BY log_offset LIMIT 1',
      [tenant, part, log],
    )
    if (row) first = Math.min(first ?? row.time, row.time)
  }
  return first
}

/** How many transactions of the bank happened in that time. */
export async function countDecided(database: Database, tenant: string, { from, to }: Span): Promise<number> {
  const [{ n }] = await database.query<{ n: number }>(
    'SELECT COUNT(*) AS n FROM transactions WHERE tenant = ? AND time >= ? AND time < ?',
    [tenant, from, to],
  )
  return n
}

/** What was said of these transactions and known at `at`, in the order of `labelPages`. */
export function labelsOf(database: Database, tenant: string, ids: readonly string[], at: number): Promise<LabelRow[]> {
  return database.query(
    `SELECT transaction_id, known_at, id, value, source, received FROM labels
     WHERE tenant = ? AND transaction_id IN (?) AND known_at <= ? AND received <= ? ORDER BY transaction_id, known_at, id`,
    [tenant, ids, at, at] as never,
  )
}
