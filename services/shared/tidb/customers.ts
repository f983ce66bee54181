/** What the bank told of a customer, as of any instant: nothing of it is ever changed, a newer version or outcome stands beside the older ones. */
import type { Outcome } from '../events.ts'
import type { Connection } from './database.ts'

/** A version of a customer; instants are milliseconds since 1970, the limit is in minor units, null is what was not told. */
export type CustomerVersion = {
  validFrom: number
  lat: number | null
  lon: number | null
  country: string | null
  zone: string | null
  opened: number | null
  limit: number | null
  currency: string | null
  received: number
}
export type KnownOutcome = {
  id: string
  transaction: string
  result: Outcome['result']
  reason: string | null
  happenedAt: number
  /** When Kafka had it. */
  knownAt: number
}

/**
 * The version that holds at an instant: the newest that is valid by then, of two with the same beginning the one that came later. The first
 * one holds before its beginning too, as it does for features.
 */
export async function customerAsOf(
  database: Connection,
  tenant: string,
  customer: string,
  at: number,
): Promise<CustomerVersion | undefined> {
  const [version] = await database.query<CustomerVersion>(
    `SELECT valid_from AS validFrom, lat, lon, country, zone, opened, limit_minor AS \`limit\`, currency, received FROM customers
     WHERE tenant = ? AND customer = ? AND valid_from <= GREATEST(?, (SELECT MIN(valid_from) FROM customers WHERE tenant = ? AND customer = ?))
     ORDER BY valid_from DESC, position DESC LIMIT 1`,
    [tenant, customer, at, tenant, customer],
  )
  return version
}

/** At most `most` outcomes of a customer's transactions that were known at an instant, the newest first. */
export const outcomesAsOf = (database: Connection, tenant: string, customer: string, at: number, most: number): Promise<KnownOutcome[]> =>
  database.query<KnownOutcome>(
    `SELECT id, transaction_id AS \`transaction\`, result, reason, happened_at AS happenedAt, known_at AS knownAt FROM outcomes
     WHERE tenant = ? AND customer = ? AND known_at <= ? ORDER BY happened_at DESC, position DESC LIMIT ?`,
    [tenant, customer, at, most],
  )
