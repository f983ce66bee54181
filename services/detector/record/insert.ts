/** Decided transactions as rows: the insert of them, and the connection that they want. */
import type { PoolConnection } from 'mysql2/promise'
import { bulkInsert } from '../../shared/tidb/bulk-insert.ts'
import { encodeReasons } from '../../shared/tidb/row-bytes.ts'
import { encodeEvent } from '../../shared/tidb/row-event.ts'
import type { Decided } from '../batch.ts'

const columns = {
  tenant: 'text',
  customer: 'text',
  time: 'integer',
  id: 'text',
  event: 'bytes',
  content_hash: 'bytes',
  part: 'integer',
  log: 'integer',
  log_offset: 'integer',
  outcomes_to: 'integer',
  parties_to: 'integer',
  base_amount: 'integer',
  rate_date: 'integer',
  features: 'bytes',
  feature_set: 'bytes',
  score: 'double',
  action: 'integer',
  alert: 'integer',
  sampled: 'integer',
  sample_probability: 'double',
  reasons: 'bytes',
  challengers: 'bytes',
  model: 'integer',
  policy: 'integer',
  backend: 'integer',
  received: 'integer',
  decided: 'integer',
} as const

/**
 * Inserts decided transactions. What is not there goes as nothing instead of NULL: TiDB plans anew where the types of values are others than
 * before. The last argument is the hash of the feature definitions, 8 bytes.
 */
export const insertDecided = bulkInsert<Decided, Buffer>('transactions', columns, (to, r, featureSet) => {
  to.text(r.raw.tenant)
  to.text(r.customer)
  to.integer(r.time)
  to.text(r.id)
  to.text(encodeEvent(r.transaction, r.time))
  to.bytes(r.contentHash)
  to.integer(r.raw.partition)
  to.integer(r.raw.log)
  to.integer(r.raw.offset)
  to.integer(r.applied.outcomes)
  to.integer(r.applied.parties)
  to.integer(r.baseAmount)
  to.integer(r.rateDate ?? 0)
  to.bytes(r.features)
  to.bytes(featureSet)
  to.double(r.score)
  to.integer(r.action)
  to.integer(r.alert ? 1 : 0)
  to.integer(r.sampled ? 1 : 0)
  to.double(r.sampleProbability)
  to.bytes(encodeReasons(r.reasons))
  to.bytes(r.challengers)
  to.integer(r.model)
  to.integer(r.policy)
  to.integer(r.backend)
  to.integer(r.raw.received)
  to.integer(r.decided)
})

/**
 * Settings of a connection that writes batches; other servers than TiDB skip those of TiDB. Conflicts and taken ids show at COMMIT, which
 * saves a look at every row. Plans are kept for statements of any number of parameters, where TiDB keeps those of up to 200
 * (fix control 44823): half of the work for each row. The first statement after a COMMIT begins the next transaction.
 */
export async function prepareForWriting(connection: PoolConnection): Promise<void> {
  await connection.query("SET /*T! tidb_txn_mode = 'optimistic', tidb_opt_fix_control = '44823:0', */ autocommit = 0")
}
