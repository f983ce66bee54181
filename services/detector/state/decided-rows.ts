/** Decided transactions in TiDB: finding them by id, one query for a whole batch. */
import type { Connection } from '../../shared/tidb/database.ts'
import { decodeReasons } from '../../shared/tidb/row-bytes.ts'
import { decodeEvent, type EventRow } from '../../shared/tidb/row-event.ts'
import type { Decided, Raw } from '../batch.ts'

type Row = EventRow & {
  content_hash: Buffer
  part: number
  log: number
  log_offset: number
  outcomes_to: number
  parties_to: number
  base_amount: number
  /** 0 or NULL where the amount is in the bank's own currency. */
  rate_date: number | null
  features: Buffer
  score: number
  action: number
  alert: number
  sampled: number
  sample_probability: number | null
  reasons: Buffer | null
  challengers: Buffer | null
  model: number
  policy: number
  backend: number
  received: number
  decided: number
}

const toDecided = (r: Row): Decided => {
  const raw: Raw = {
    tenant: r.tenant,
    topic: 'transactions',
    partition: r.part,
    log: r.log,
    offset: r.log_offset,
    received: r.received,
    key: null,
    value: null,
  }
  return {
    raw,
    customer: r.customer,
    time: r.time,
    id: r.id,
    transaction: decodeEvent(r),
    contentHash: r.content_hash,
    baseAmount: r.base_amount,
    rateDate: r.rate_date || null,
    applied: { outcomes: r.outcomes_to, parties: r.parties_to },
    features: r.features,
    score: r.score,
    action: r.action,
    alert: r.alert === 1,
    sampled: r.sampled === 1,
    sampleProbability: r.sample_probability ?? 0,
    reasons: decodeReasons(r.reasons),
    challengers: r.challengers ?? Buffer.alloc(0),
    model: r.model,
    policy: r.policy,
    backend: r.backend,
    decided: r.decided,
  }
}

/** The key under which a decided transaction is looked up. */
export const idKey = (tenant: string, id: string): string => `${tenant}:${id}`

/** Those of the ids that have been decided, by `idKey`. */
export async function findDecided(database: Connection, ids: readonly { tenant: string; id: string }[]): Promise<Map<string, Decided>> {
  const found = new Map<string, Decided>()
  const byTenant = new Map<string, string[]>()
  for (const { tenant, id } of ids) {
    const list = byTenant.get(tenant)
    if (list) list.push(id)
    else byTenant.set(tenant, [id])
  }
  for (const [tenant, list] of byTenant) {
    for (let from = 0; from < list.length; from += 500) {
      const rows = await database.query<Row>('SELECT * FROM transactions WHERE tenant = ? AND id IN (?)', [
        tenant,
        list.slice(from, from + 500),
      ] as never)
      for (const row of rows) found.set(idKey(tenant, row.id), toDecided(row))
    }
  }
  return found
}
