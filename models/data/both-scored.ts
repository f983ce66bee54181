/** Transactions of a bank that two models scored, with what is known of them, page by page: of one the score that decided, or that it had in shadow. */
import { decodeChallengers } from '../../services/shared/challengers.ts'
import type { Database } from '../../services/shared/database.ts'
import { labelLog, labelsAsKnown, unknown } from './dataset.ts'
import { givenLabel, type LabelRow, type Span, stretchesOf } from './decided-pages.ts'

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

const page = 2000

const scoreOf = (row: Row, model: number): number | undefined =>
  row.model === model ? row.score : decodeChallengers(row.challengers).find(({ version }) => version === model)?.score

/** What is known at `at` of transactions, in their order. */
async function labelsOf(
  database: Database,
  tenant: string,
  rows: readonly BothScored[],
  at: number,
  maturity: number,
): Promise<Uint8Array> {
  const said = await database.query<LabelRow>(
    `SELECT transaction_id, known_at, id, value, source, received FROM labels
     WHERE tenant = ? AND transaction_id IN (?) AND known_at <= ? AND received <= ? ORDER BY transaction_id, known_at, id`,
    [tenant, rows.map(({ id }) => id), at, at] as never,
  )
  const placeOf = new Map(rows.map(({ id }, place) => [id, place]))
  const labels = labelLog(said.map((label) => givenLabel(label, placeOf.get(label.transaction_id) as number)))
  return labelsAsKnown({ rows: rows.length, times: Float64Array.from(rows, ({ time }) => time), labels, maturity }, at)
}

/** `at` is the instant whose knowledge counts, `maturity` the milliseconds after which silence means genuine. */
export async function* bothScored(
  database: Database,
  { tenant, a, b, at, maturity, ...span }: Span & { tenant: string; a: number; b: number; at: number; maturity: number },
): AsyncGenerator<BothScored[]> {
  for await (const { part, log } of stretchesOf(database, tenant))
    for (let after = -1; ; ) {
      // Of two models at most one decided, so that the other one's score lies among the challengers'.
      const rows = await database.query<Row>(
        `SELECT id, customer, time, log_offset, score, model, challengers FROM transactions
         WHERE tenant = ? AND part = ? AND log = ? AND log_offset > ? AND time >= ? AND time < ? AND challengers IS NOT NULL
         ORDER BY log_offset LIMIT ${page}`,
        [tenant, part, log, after, span.from, span.to],
      )
      const both = rows.flatMap((row): BothScored[] => {
        const [ofA, ofB] = [scoreOf(row, a), scoreOf(row, b)]
        return ofA === undefined || ofB === undefined
          ? []
          : [{ id: row.id, customer: row.customer, time: row.time, a: ofA, b: ofB, label: unknown }]
      })
      if (both.length > 0) {
        const labels = await labelsOf(database, tenant, both, at, maturity)
        for (const [i, row] of both.entries()) row.label = labels[i]
        yield both
      }
      if (rows.length < page) break
      after = rows[rows.length - 1].log_offset
    }
}
