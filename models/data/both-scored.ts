/** Transactions of a bank that two models scored, with what is known of them, page by page: of one the score that decided, or that it had in shadow. */
import type { Database } from '../../services/shared/tidb/database.ts'
import { decodeChallengers } from '../../services/shared/tidb/row-bytes.ts'
import { labelLog, labelsAsKnown, unknown } from './dataset.ts'
import { givenLabel, labelsOf, pagesOf, type Span, stretchesOf } from './decided-pages.ts'

export type BothScored = {
  id: string
  customer: string
  /** Milliseconds since 1970. */
  time: number
  a: number
  b: number
  /** `genuine`, `fraud`, or `unknown`, as `labelsAsKnown` says. */
  label: number
}

type Row = { id: string; customer: string; time: number; log_offset: number; score: number; model: number; challengers: Buffer }

const scoreOf = (row: Row, model: number): number | undefined =>
  row.model === model ? row.score : decodeChallengers(row.challengers).find(({ version }) => version === model)?.score

/** What is known at `at` of transactions, in their order. */
async function known(database: Database, tenant: string, rows: readonly BothScored[], at: number, maturity: number): Promise<Uint8Array> {
  const ids = rows.map(({ id }) => id)
  const placeOf = new Map(ids.map((id, place) => [id, place]))
  const said = await labelsOf(database, tenant, ids, at)
  const labels = labelLog(said.map((label) => givenLabel(label, placeOf.get(label.transaction_id) as number)))
  return labelsAsKnown({ rows: rows.length, times: Float64Array.from(rows, ({ time }) => time), labels, maturity }, at)
}

/** `at` is the instant whose knowledge counts, `maturity` the milliseconds after which silence means genuine. */
export async function* bothScored(
  database: Database,
  { tenant, a, b, at, maturity, ...span }: Span & { tenant: string; a: number; b: number; at: number; maturity: number },
): AsyncGenerator<BothScored[]> {
  // Of two models at most one decided, so that the other one's score lies among the challengers'.
  for await (const stretch of stretchesOf(database, tenant))
    for await (const rows of pagesOf<Row>(database, stretch, span, 'id, customer, time, score, model, challengers', "challengers <> ''")) {
      const both = rows.flatMap((row): BothScored[] => {
        const [ofA, ofB] = [scoreOf(row, a), scoreOf(row, b)]
        return ofA === undefined || ofB === undefined
          ? []
          : [{ id: row.id, customer: row.customer, time: row.time, a: ofA, b: ofB, label: unknown }]
      })
      if (both.length === 0) continue
      const labels = await known(database, tenant, both, at, maturity)
      for (const [i, row] of both.entries()) row.label = labels[i]
      yield both
    }
}
