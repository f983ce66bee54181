/** Made-up transactions of a year, and how a batch of them is written. */
import { randomBytes } from 'node:crypto'
import type { PoolConnection } from 'mysql2/promise'
import type { Transaction } from '../../../services/shared/events.ts'
import type { Value } from '../../../services/shared/tidb/database.ts'
import { encodeEvent } from '../../../services/shared/tidb/row-event.ts'
import type { Way } from './ways.ts'

/** What a packed vector takes on average: see `models/fold/vector-bytes.ts`. */
const vectorBytes = 153
const day = 86_400_000
const firstInstant = Date.UTC(2025, 0, 1)

const columns =
  `tenant, customer, time, id, event, content_hash, part, log, log_offset, outcomes_to, parties_to, base_amount, rate_date, features, feature_set, score, action,
  alert, sampled, sample_probability, reasons, model, policy, backend, received, decided`.split(/,\s*/)

export type Made = { values: Value[]; links: Value[][]; entities: Value[] }

/** Transaction number `n` of `total`, which spread evenly over a year; customers, merchants and devices are drawn with a skew. */
export function make(n: number, total: number): Made {
  const skewed = (most: number) => Math.floor(most * Math.random() ** 2)
  const customer = `c_${(skewed(20_000) * 7919).toString(36).padStart(20, '0')}`
  const counterparty = `m_${skewed(5000).toString(36).padStart(12, '0')}`
  const device = `d_${(skewed(20_000) * 7919).toString(36).padStart(20, '0')}`
  const time = firstInstant + Math.floor((n / total) * 365 * day)
  const id = `t_${n.toString(36).padStart(8, '0')}_${randomBytes(8).toString('hex')}`
  const event: Transaction = {
    id,
    tenant: 'bank',
    kind: 'authorization',
    instrument: customer,
    direction: 'debit',
    counterparty,
    category: '5411',
    amount: 1234 + (n % 9999),
    currency: 'EUR',
    time: new Date(time).toISOString(),
    entryMode: 'contactless',
    channel: 'pos',
    device,
    ip: '192.0.2.17',
    place: { lat: 48.2, lon: 16.37 },
    country: 'AT',
  }
  const values = [
    'bank',
    customer,
    time,
    id,
    Buffer.from(encodeEvent(event, time)),
    randomBytes(16),
    n % 4,
    0,
    n,
    n,
    n,
    1234,
    null,
    randomBytes(vectorBytes),
  ]
  const decided = [Buffer.alloc(8), Math.random(), 0, 0, 0, null, null, 1, 1, 0, time, time + 5]
  const links = [counterparty, device].map((entity) => ['bank', entity, time, id, customer])
  return { values: [...values, ...decided], links, entities: [counterparty, device] }
}

const marks = (rows: number, wide: number) =>
  Array(rows)
    .fill(`(${Array(wide).fill('?').join(',')})`)
    .join(',')

/** Writes a batch in one transaction of prepared statements; returns microseconds a row. */
export async function write(connection: PoolConnection, way: Way, batch: Made[]): Promise<number> {
  const names = way.entities ? [...columns, 'counterparty', 'device'] : columns
  const values = batch.flatMap((r) => (way.entities ? [...r.values, ...r.entities] : r.values))
  const links = way.side ? batch.flatMap((r) => r.links) : []
  const began = performance.now()
  await connection.query('BEGIN')
  await connection.execute(`INSERT INTO ${way.name} (${names.join(', ')}) VALUES ${marks(batch.length, names.length)}`, values)
  if (links.length > 0) await connection.execute(`INSERT INTO narrow_links VALUES ${marks(links.length, 5)}`, links.flat())
  await connection.query('COMMIT')
  return ((performance.now() - began) * 1000) / batch.length
}
