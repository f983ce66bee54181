/** What is recorded in TiDB of a partition, counted in Redis: how a gap is closed, and how a generation is filled. */
import { cardBit } from '../../../models/fold/counters.ts'
import { hashOf } from '../../../models/fold/entry.ts'
import type { Database } from '../../shared/tidb/database.ts'
import { decodeEvent, type EventRow } from '../../shared/tidb/row-event.ts'
import { type Input, positionOf } from '../batch.ts'
import { Entries, type Step } from './entries.ts'
import { effectOf, type LabelMove } from './labels.ts'
import { chainOf, entitiesOf, type Generation } from './names.ts'
import type { Store } from './store.ts'

/** A partition whose records move counters. */
export type Chain = { tenant: string; topic: Extract<Input, 'transactions' | 'labels'>; partition: number }

/** A partition's step in a batch, with the positions it lies between. */
export type CountedStep = Chain & { from: number; to: number }

/** Rows of one query, and of one call of the script. */
const chunk = 4000

/** Milliseconds: older transactions than these are in no window of any time that can still come. */
const oldest = 41 * 86_400_000

type Row = EventRow & { log: number; log_offset: number }

const logOf = (position: number) => Math.floor(position / 2 ** 40)
const offsetOf = (position: number) => position % 2 ** 40

/** Adds a decided transaction to its entities. `entities` as `entitiesOf` gives them. */
export const addRow = (entries: Entries, chain: Chain, row: Row): void => {
  const transaction = decodeEvent(row)
  const place = { ...chain, log: row.log, offset: row.log_offset }
  for (const name of entitiesOf(chain.tenant, transaction))
    if (name !== undefined) entries.add(entries.entity(name), place, Math.floor(row.time / 1000), cardBit(hashOf(transaction.instrument)))
}

/** The condition for a partition's rows between two positions, which may lie in two logs, and its values. */
function between(chain: Chain, from: number, to: number): { sql: string; values: (string | number)[] } {
  const [low, high] = [logOf(from), logOf(to)]
  const same = 'tenant = ? AND part = ? AND log'
  const whose = [chain.tenant, chain.partition]
  if (low === high)
    return { sql: `${same} = ? AND log_offset >= ? AND log_offset < ?`, values: [...whose, low, offsetOf(from), offsetOf(to)] }
  return {
    sql: `${same} BETWEEN ? AND ? AND (log > ? OR log_offset >= ?) AND (log < ? OR log_offset < ?)`,
    values: [...whose, low, high, low, offsetOf(from), high, offsetOf(to)],
  }
}

/** How many rows lie between two positions, as far as `most`. */
export async function countRows(database: Database, chain: Chain, from: number, to: number, most: number): Promise<number> {
  const { sql, values } = between(chain, from, to)
  const table = chain.topic === 'labels' ? 'label_moves' : 'transactions'
  const [{ n }] = await database.query<{ n: number }>(
    `SELECT COUNT(*) AS n FROM (SELECT 1 FROM ${table} WHERE ${sql}${chain.topic === 'labels' ? '' : ' AND time >= ?'} LIMIT ${most}) AS some_rows`,
    chain.topic === 'labels' ? values : [...values, Date.now() - oldest],
  )
  return Number(n)
}

async function readChunk(
  database: Database,
  chain: Chain,
  from: number,
  to: number,
): Promise<{ entries: Entries; to: number; rows: number }> {
  const { sql, values } = between(chain, from, to)
  const order = `ORDER BY log, log_offset LIMIT ${chunk}`
  const entries = new Entries()
  let last: { log: number; log_offset: number } | undefined
  let rows = 0
  if (chain.topic === 'labels') {
    const found = await database.query<LabelMove>(`SELECT * FROM label_moves WHERE ${sql} ${order}`, values)
    for (const row of found) entries.addLabel({ ...chain, log: row.log, offset: row.log_offset }, effectOf(row))
    last = found.at(-1)
    rows = found.length
  } else {
    const found = await database.query<Row>(
      `SELECT tenant, customer, id, time, event, log, log_offset FROM transactions WHERE ${sql} AND time >= ? ${order}`,
      [...values, Date.now() - oldest],
    )
    for (const row of found) addRow(entries, chain, row)
    last = found.at(-1)
    rows = found.length
  }
  return { entries, rows, to: last && rows === chunk ? positionOf(last.log, last.log_offset + 1) : to }
}

/** Counts what is recorded of a partition from `from` on, where a shard of the generation stands, up to `to`. Can be broken off and run again. */
export async function fill(
  store: Store,
  database: Database,
  generation: Generation,
  chain: Chain,
  from: number,
  to: number,
  progress: (rows: number) => void = () => undefined,
): Promise<void> {
  for (let at = from; at < to; ) {
    const read = await readChunk(database, chain, at, to)
    const step: Step = { chain: chainOf(chain), from: at, to: read.to }
    const [stored] = await store.move(generation, read.entries, [step])
    progress(read.rows)
    // Redis may have lost its last second meanwhile.
    at = stored < 0 ? read.to : stored
  }
}
