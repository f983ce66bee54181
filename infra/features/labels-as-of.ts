/** What a bank's labels did to the counters, in the order in which it was done. */
import type { LabelEffect } from '../../services/detector/counters/entries.ts'
import { countedSince } from '../../services/detector/counters/labels.ts'
import type { Label } from '../../services/shared/events.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { type Said, type Standing, standingAfter } from '../../services/shared/tidb/labels.ts'
import { decodeEvent, type EventRow } from '../../services/shared/tidb/row-event.ts'

/** `at` is when it began to count: once it was known and its transaction decided; milliseconds since 1970. */
export type CountedLabel = LabelEffect & { at: number }

type Row = EventRow & {
  transaction_id: string
  known_at: number
  /** Of the label. */
  id: string
  value: Label['value']
  source: Label['source']
  received: number
  decided: number
}

const page = 2000

/** The labels of all decided transactions of a bank, those of one transaction together. */
async function* labelsByTransaction(database: Database, tenant: string): AsyncGenerator<Row[]> {
  let of: Row[] = []
  for (let last: Pick<Row, 'transaction_id' | 'known_at' | 'id'> = { transaction_id: '', known_at: 0, id: '' }; ; ) {
    const rows = await database.query<Row>(
      `SELECT l.transaction_id, l.known_at, l.id, l.value, l.source, l.received, t.tenant, t.customer, t.time, t.event, t.decided
       FROM labels l JOIN transactions t ON t.tenant = l.tenant AND t.id = l.transaction_id
       WHERE l.tenant = ? AND (l.transaction_id, l.known_at, l.id) > (?, ?, ?) ORDER BY l.transaction_id, l.known_at, l.id LIMIT ${page}`,
      [tenant, last.transaction_id, last.known_at, last.id],
    )
    for (const row of rows) {
      if (of.length > 0 && of[0].transaction_id !== row.transaction_id) {
        yield of
        of = []
      }
      of.push(row)
    }
    if (rows.length < page) break
    last = rows[rows.length - 1]
  }
  if (of.length > 0) yield of
}

const change = ({ value, since }: Standing, delta: 1 | -1): CountedLabel['changes'] =>
  value === 'inconclusive' ? [] : [{ value, knownAt: since, delta }]

/** What each label changed, in order; those that ended to count before `from` (milliseconds since 1970) are left out. */
export async function labelsAsCounted(database: Database, tenant: string, from: number): Promise<CountedLabel[]> {
  const counted: CountedLabel[] = []
  for await (const rows of labelsByTransaction(database, tenant)) {
    const parties = decodeEvent({ ...rows[0], id: rows[0].transaction_id })
    const said: Said[] = []
    for (const row of rows.sort((a, b) => a.received - b.received)) {
      const { id, value, source, known_at: knownAt, received, decided } = row
      const changed = standingAfter(said, { id, value, source, knownAt, since: countedSince(knownAt, received) })
      if (!changed) continue
      const { now, before } = changed
      const changes = [...change(now, 1), ...(before ? change(before, -1) : [])].filter((c) => c.knownAt >= from)
      if (changes.length > 0) counted.push({ at: Math.max(received, decided), parties, changes })
    }
  }
  return counted.sort((a, b) => a.at - b.at)
}
