/**
 * What a decided transaction takes in TiDB: the keys and values of its row and of its two indexes, as TiDB gives them. What a store adds (copies,
 * versions, levels, and what it saves by compression) is not in it.
 */
import type { Database } from '../services/shared/tidb/database.ts'

/** Mean bytes of a transaction; `event` and `features` are part of the row's value. */
export type Stored = { transactions: number; bytes: number; row: number; byId: number; byPlace: number; event: number; features: number }

type Versions = { key: string; mvcc: { info: { values: { value: string }[] } } }[]

/** Key and newest value of what `tidb_mvcc_info` tells of one key. */
function bytesOf(told: string): number {
  const [{ key, mvcc }] = JSON.parse(told) as Versions
  return key.length / 2 + Buffer.from(mvcc.info.values[0].value, 'base64').length
}

const mean = (all: readonly number[]): number => all.reduce((sum, one) => sum + one, 0) / all.length

/** Looks at up to `most` transactions of a bank in each month. Throws where the server is not TiDB, or holds none of that bank. */
export async function storedOf(database: Database, tenant: string, most = 200): Promise<Stored> {
  const months = await database.query<{ name: string }>(
    "SELECT partition_name AS name FROM information_schema.partitions WHERE table_schema = DATABASE() AND table_name = 'transactions'",
  )
  const rows: { row: string; byId: string; byPlace: string; event: number; features: number }[] = []
  for (const { name } of months) {
    const of = `DATABASE(), 'transactions(${name})'`
    rows.push(
      ...(await database.query<(typeof rows)[number]>(
        `SELECT tidb_mvcc_info(tidb_encode_record_key(${of}, tenant, customer, time, id)) AS \`row\`,
           tidb_mvcc_info(tidb_encode_index_key(${of}, 'by_id', tenant, id, tenant, customer, time, id)) AS byId,
           tidb_mvcc_info(tidb_encode_index_key(${of}, 'by_place', tenant, part, log, log_offset, tenant, customer, time, id)) AS byPlace,
           LENGTH(event) AS event, LENGTH(features) AS features
         FROM transactions PARTITION (${name}) WHERE tenant = ? LIMIT ${most}`,
        [tenant],
      )),
    )
  }
  if (rows.length === 0) throw new Error(`TiDB holds no transaction of ${tenant}`)
  const [row, byId, byPlace] = (['row', 'byId', 'byPlace'] as const).map((part) => mean(rows.map((one) => bytesOf(one[part]))))
  const [event, features] = (['event', 'features'] as const).map((part) => mean(rows.map((one) => one[part])))
  return { transactions: rows.length, bytes: row + byId + byPlace, row, byId, byPlace, event, features }
}
