/** The counters that a bank's decisions could have seen, kept by where each transaction lies: the vectors in memory, or in a file beyond that. */
import { Grow } from '../../models/columns/grow.ts'
import { type Stretch, stretchesOf } from '../../models/data/decided-pages.ts'
import { type Matrix, MatrixWriter } from '../../models/data/matrix.ts'
import { placeIn } from '../../models/sorted.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { decodeEvent, type EventRow } from '../../services/shared/tidb/row-event.ts'
import type { Range } from '../verify/customers.ts'
import { countersWidth, createCountersAsOf } from './counters-as-of.ts'
import { labelsAsCounted } from './labels-as-of.ts'

type Row = EventRow & { log_offset: number; decided: number; wanted: number }

const page = 2000
const day = 86_400_000
/** Days before the range that a counter can still hold, and after it that a transaction can lie which was decided earlier. */
const [reach, ahead] = [37 * day, 31 * day]

/** Transactions of a stretch in order of arrival; those of the range whose features are of another version than `present`, or all, are wanted. */
async function* arrivals(
  database: Database,
  { tenant, part, log }: Stretch,
  { from, to }: Range,
  present: Buffer | null,
): AsyncGenerator<Row> {
  for (let after = -1; ; ) {
    const rows = await database.query<Row>(
      `SELECT tenant, customer, id, time, event, log_offset, decided, (time >= ? AND time < ? AND NOT (feature_set <=> ?)) AS wanted FROM transactions
       WHERE tenant = ? AND part = ? AND log = ? AND log_offset > ? AND time >= ? AND time < ? ORDER BY log_offset LIMIT ${page}`,
      [from, to, present, tenant, part, log, after, from - reach, to + ahead],
    )
    yield* rows
    if (rows.length < page) return
    after = rows[rows.length - 1].log_offset
  }
}

export type CountedRows = {
  /** How many there are. */
  rows: number
  /** Writes the counters of the transaction at a place; false where there is none, since it was decided later. */
  write(place: Pick<Stretch, 'part' | 'log'>, offset: number, out: Float32Array, at: number): boolean
  close(): void
}

type Lane = { key: string; offsets: Grow<Float64Array>; places: Grow<Uint32Array>; rows: AsyncGenerator<Row>; row: Row | undefined }

const keyOf = ({ part, log }: Pick<Stretch, 'part' | 'log'>) => `${part}:${log}`

/** Reads all that is wanted, in the order in which it was decided. `progress` is told after each page how many transactions were read. */
export async function readCountedRows(
  database: Database,
  tenant: string,
  range: Range,
  present: Buffer | null,
  progress: (rows: number) => void,
): Promise<CountedRows> {
  const labels = await labelsAsCounted(database, tenant, range.from - reach)
  const lanes: Lane[] = []
  for await (const stretch of stretchesOf(database, tenant)) {
    const rows = arrivals(database, stretch, range, present)
    const { value } = await rows.next()
    const [offsets, places] = [new Grow((n) => new Float64Array(n)), new Grow((n) => new Uint32Array(n))]
    lanes.push({ key: keyOf(stretch), offsets, places, rows, row: value ?? undefined })
  }
  const counters = createCountersAsOf()
  const writer = new MatrixWriter(countersWidth)
  let label = 0
  let read = 0
  for (;;) {
    let lane: Lane | undefined
    for (const other of lanes) if (other.row && (!lane?.row || other.row.decided < lane.row.decided)) lane = other
    if (!lane?.row) break
    const { time, log_offset, decided, wanted } = lane.row
    for (; label < labels.length && labels[label].at <= decided; label++) counters.addLabel(labels[label])
    const transaction = decodeEvent(lane.row)
    if (wanted) {
      const { out, start } = writer.row
      counters.read(transaction, time, out, start)
      lane.offsets.push(log_offset)
      lane.places.push(writer.rows)
      writer.next()
    }
    counters.add(transaction, time)
    const { value } = await lane.rows.next()
    lane.row = value ?? undefined
    if (++read % page === 0) progress(read)
  }
  return countedRows(new Map(lanes.map((lane) => [lane.key, lane])), writer.finish())
}

function countedRows(lanes: ReadonlyMap<string, Lane>, matrix: Matrix): CountedRows {
  const one = new Uint32Array(1)
  const values = new Float32Array(countersWidth)
  return {
    rows: matrix.rows,
    write(place, offset, out, at) {
      const lane = lanes.get(keyOf(place))
      const offsets = lane?.offsets.values ?? []
      const found = placeIn(offsets, offset)
      if (!lane || offsets[found] !== offset) return false
      one[0] = lane.places.values[found]
      matrix.gather(one, values)
      out.set(values, at)
      return true
    },
    close: () => matrix.close(),
  }
}
