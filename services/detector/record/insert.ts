/** Decided transactions as rows: the statements that insert them, and the connection that they want. */
import type { PoolConnection } from 'mysql2/promise'
import type { Value } from '../../shared/tidb/database.ts'
import { encodeReasons } from '../../shared/tidb/row-bytes.ts'
import type { Decided } from '../batch.ts'

const columns =
  'tenant, customer, time, id, event, content_hash, part, log, log_offset, outcomes_to, parties_to, base_amount, rate_date, features, feature_set, score, action, ' +
  'alert, sampled, sample_probability, reasons, challengers, model, policy, backend, received, decided'
const width = columns.split(',').length
const places = `(${'?,'.repeat(width).slice(0, -1)})`
const head = `INSERT INTO transactions (${columns}) VALUES `
/** Rows of one statement: few sizes, so that few are prepared, and near enough to each other that three statements hold most batches. */
const sizes = [512, 448, 384, 320, 256, 224, 192, 160, 128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1]
const statements = new Map<number, string>()
const insertOf = (rows: number): string => {
  let statement = statements.get(rows)
  if (!statement) {
    statement = head + `${places},`.repeat(rows).slice(0, -1)
    statements.set(rows, statement)
  }
  return statement
}

/**
 * Inserts decided transactions by prepared statements of few sizes. Numbers go as text, since mysql2 sends a number as DOUBLE, and what is
 * not there goes as nothing instead of NULL: TiDB plans anew where the types of values are others than before.
 */
export async function insertDecided(connection: PoolConnection, rows: readonly Decided[], featureSet: Buffer): Promise<void> {
  for (let from = 0; from < rows.length; ) {
    const left = rows.length - from
    const n = sizes.find((size) => size <= left) as number
    const values = new Array<Value>(n * width)
    let v = 0
    for (let i = from; i < from + n; i++) {
      const r = rows[i]
      values[v++] = r.raw.tenant
      values[v++] = r.customer
      values[v++] = String(r.time)
      values[v++] = r.id
      values[v++] = r.event
      values[v++] = r.contentHash
      values[v++] = String(r.raw.partition)
      values[v++] = String(r.raw.log)
      values[v++] = String(r.raw.offset)
      values[v++] = String(r.applied.outcomes)
      values[v++] = String(r.applied.parties)
      values[v++] = String(r.baseAmount)
      values[v++] = String(r.rateDate ?? 0)
      values[v++] = r.features
      values[v++] = featureSet
      values[v++] = String(r.score)
      values[v++] = String(r.action)
      values[v++] = r.alert ? '1' : '0'
      values[v++] = r.sampled ? '1' : '0'
      values[v++] = String(r.sampleProbability)
      values[v++] = encodeReasons(r.reasons)
      values[v++] = r.challengers
      values[v++] = String(r.model)
      values[v++] = String(r.policy)
      values[v++] = String(r.backend)
      values[v++] = String(r.raw.received)
      values[v++] = String(r.decided)
    }
    await connection.execute(insertOf(n), values as never)
    from += n
  }
}

/**
 * Settings of a connection that writes batches; other servers than TiDB skip those of TiDB. Conflicts and taken ids show at COMMIT, which
 * saves a look at every row. Plans are kept for statements of any number of parameters, where TiDB keeps those of up to 200
 * (fix control 44823): half of the work for each row. The first statement after a COMMIT begins the next transaction.
 */
export async function prepareForWriting(connection: PoolConnection): Promise<void> {
  await connection.query("SET /*T! tidb_txn_mode = 'optimistic', tidb_opt_fix_control = '44823:0', */ autocommit = 0")
}
