/** What was decided for a bank and what was said of it since, page by page, so that no more than a page is ever held. */
import type { Label } from '../../services/shared/events.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { knownSince } from '../../services/shared/tidb/labels.ts'
import { type GivenLabel, sources, valueCodes } from './dataset.ts'

const page = 2000

/** A stretch of one bank's topic: the rows of it come in order of their offsets. */
export type Stretch = { tenant: string; part: number; log: number }
export type DecidedRow = {
  id: string
  customer: string
  time: number
  event: Buffer
  log_offset: number
  base_amount: number
  score: number
  model: number
  features: Buffer
  feature_set: Buffer
  sampled: number
  sample_probability: number | null
}
export type LabelRow = {
  transaction_id: string
  known_at: number
  id: string
  value: Label['value']
  source: Label['source']
  received: number
}

/** A label as a data set takes it, of the data set's row `row`. Of one transaction they must come in the order of `labelPages`. */
export const givenLabel = ({ known_at, received, value, source }: LabelRow, row: number): GivenLabel => ({
  row,
  knownAt: knownSince(known_at, received),
  value: valueCodes[value],
  source: sources.indexOf(source),
})

export type Place = { id: string; part: number; log: number; log_offset: number }
export type Span = { from: number; to: number }

/** The partitions of a bank that hold something, each with the logs that it has had, in order. */
export async function* stretchesOf(database: Database, tenant: string): AsyncGenerator<Stretch> {
  const next = async (where: string, ...values: number[]) => {
    const [found] = await database.query<{ part: number; log: number }>(
      `SELECT part, log FROM transactions WHERE tenant = ? AND ${where} ORDER BY part, log LIMIT 1`,
      [tenant, ...values],
    )
    return found
  }
  // Two questions that an index answers each at once; asked as one, the index is read to its end.
  for (
    let at = await next('part >= 0');
    at;
    at = (await next('part = ? AND log > ?', at.part, at.log)) ?? (await next('part > ?', at.part))
  )
    yield { tenant, ...at }
}

/**
 * `columns` of a stretch's transactions that happened from `from` on and before `to`, and for which `and` holds besides (with `values` for its
 * placeholders), in order of arrival.
 */
export async function* pagesOf<Row extends { log_offset: number }>(
  database: Database,
  { tenant, part, log }: Stretch,
  { from, to }: Span,
  columns: string,
  and = 'true',
  ...values: number[]
): AsyncGenerator<Row[]> {
  for (let after = -1; ; ) {
    const rows = await database.query<Row>(
      `SELECT log_offset, ${columns} FROM transactions
       WHERE tenant = ? AND part = ? AND log = ? AND log_offset > ? AND time >= ? AND time < ? AND ${and} ORDER BY log_offset LIMIT ${page}`,
      [tenant, part, log, after, from, to, ...values],
    )
    if (rows.length > 0) yield rows
    if (rows.length < page) return
    after = rows[rows.length - 1].log_offset
  }
}

/** All that a data set takes of the transactions of a stretch and a time. */
export const decidedPages = (database: Database, stretch: Stretch, span: Span): AsyncGenerator<DecidedRow[]> =>
  pagesOf(
    database,
    stretch,
    span,
    'id, customer, time, event, base_amount, score, model, features, feature_set, sampled, sample_probability',
  )

/** All labels of a bank that were known at `at`, by transaction and then by when they say they are known since. */
export async function* labelPages(database: Database, tenant: string, at: number): AsyncGenerator<LabelRow[]> {
  for (let last: Pick<LabelRow, 'transaction_id' | 'known_at' | 'id'> = { transaction_id: '', known_at: 0, id: '' }; ; ) {
    const rows = await database.query<LabelRow>(
      `SELECT transaction_id, known_at, id, value, source, received FROM labels
       WHERE tenant = ? AND known_at <= ? AND received <= ? AND transaction_id >= ? AND (transaction_id > ? OR known_at > ? OR (known_at = ? AND id > ?))
       ORDER BY transaction_id, known_at, id LIMIT ${page}`,
      [tenant, at, at, last.transaction_id, last.transaction_id, last.known_at, last.known_at, last.id],
    )
    if (rows.length > 0) yield rows
    if (rows.length < page) return
    last = rows[rows.length - 1]
  }
}

/** What was said of these transactions and known at `at`, in the order of `labelPages`. */
export function labelsOf(database: Database, tenant: string, ids: readonly string[], at: number): Promise<LabelRow[]> {
  return database.query(
    `SELECT transaction_id, known_at, id, value, source, received FROM labels
     WHERE tenant = ? AND transaction_id IN (?) AND known_at <= ? AND received <= ? ORDER BY transaction_id, known_at, id`,
    [tenant, ids, at, at] as never,
  )
}

/** Where the transactions with these ids lie; those that nobody knows are not in it. */
export async function placesOf(database: Database, tenant: string, ids: readonly string[]): Promise<Map<string, Place>> {
  const places = await database.query<Place>('SELECT id, part, log, log_offset FROM transactions WHERE tenant = ? AND id IN (?)', [
    tenant,
    ids,
  ] as never)
  return new Map(places.map((place) => [place.id, place]))
}

/** Vectors of the version `featureSet` that were recomputed for these transactions: see `npm run assay -- features backfill`. */
export async function recomputedOf(
  database: Database,
  tenant: string,
  featureSet: Buffer,
  ids: readonly string[],
): Promise<Map<string, Buffer>> {
  const rows = await database.query<{ id: string; features: Buffer }>(
    'SELECT id, features FROM recomputed_features WHERE tenant = ? AND feature_set = ? AND id IN (?)',
    [tenant, featureSet, ids] as never,
  )
  return new Map(rows.map(({ id, features }) => [id, features]))
}

/** How many transactions of the bank in that time have features of another version, and none that were recomputed. */
export async function countOthers(database: Database, tenant: string, featureSet: Buffer, { from, to }: Span): Promise<number> {
  const [{ n }] = await database.query<{ n: number }>(
    `SELECT COUNT(*) AS n FROM transactions t LEFT JOIN recomputed_features r ON r.tenant = t.tenant AND r.feature_set = ? AND r.id = t.id
     WHERE t.tenant = ? AND t.time >= ? AND t.time < ? AND t.feature_set <> ? AND r.id IS NULL`,
    [featureSet, tenant, from, to, featureSet],
  )
  return Number(n)
}

/** When the last transaction in that time happened that has features of another version; 0 where none has. */
export async function lastOfOthers(database: Database, tenant: string, featureSet: Buffer, { from, to }: Span): Promise<number> {
  const [{ last }] = await database.query<{ last: number | null }>(
    'SELECT MAX(time) AS last FROM transactions WHERE tenant = ? AND time >= ? AND time < ? AND feature_set <> ?',
    [tenant, from, to, featureSet],
  )
  return last ?? 0
}
