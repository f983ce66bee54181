/** An even part of what was decided for a bank, page by page: to tell shares of all, some are enough. */
import type { Database } from '../../services/shared/tidb/database.ts'
import { type DecidedRow, pagesOf, type Span, type Stretch, stretchesOf } from './decided-pages.ts'

export type SampledRow = Pick<
  DecidedRow,
  'id' | 'time' | 'log_offset' | 'score' | 'model' | 'features' | 'feature_set' | 'sampled' | 'sample_probability'
>

/** Of a stretch and a time those whose offsets are multiples of `stride`, without their events. */
export const sampledPages = (database: Database, stretch: Stretch, span: Span, stride: number): AsyncGenerator<SampledRow[]> =>
  pagesOf(
    database,
    stretch,
    span,
    'id, time, score, model, features, feature_set, sampled, sample_probability',
    'log_offset % ? = 0',
    stride,
  )

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
