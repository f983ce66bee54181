/** Customers' histories in memory: what a batch misses is loaded in one query a bank, what was longest unused goes first. */
import { declineLag } from '../../../models/fold/declines.ts'
import { entryOf } from '../../../models/fold/entry.ts'
import { horizon, mostEntries } from '../../../models/fold/history.ts'
import type { CustomerFacts } from '../../../models/fold/parties.ts'
import { Profile } from '../../../models/fold/profile.ts'
import type { Database } from '../../shared/tidb/database.ts'
import { decodeEvent, type EventRow } from '../../shared/tidb/row-event.ts'
import type { Applied } from '../batch.ts'

export type Key = { tenant: string; customer: string; partition: number }
export type Profiles = {
  /** The history under a name of `nameOf`, if it is in memory; from now on it is the one used last. */
  get(name: string): Profile | undefined
  /**
   * Brings those that are missing into memory, with what TiDB holds of them that a transaction of `received` or later can need, and of
   * outcomes and parties only what `applied` says of their partition.
   */
  load(keys: readonly Key[], received: number, applied: ReadonlyMap<string, Applied>): Promise<void>
  /** Forgets what a batch that was not recorded has changed. */
  drop(names: Iterable<string>): void
  /** Forgets a partition's customers, since another owner may have decided for them. */
  dropPartition(tenant: string, partition: number): void
  /** Lets go of the longest unused until the bound holds, but for those in hand. */
  trim(inHand: ReadonlySet<string>): void
  size(): number
  bytes(): number
}

type HistoryRow = EventRow & { base_amount: number }
type OutcomeRow = { customer: string; happened_at: number; known_at: number; result: string; id: string; position: number }
type CustomerRow = CustomerFacts & { customer: string; position: number }

export const nameOf = (tenant: string, customer: string): string => `${tenant}:${customer}`
export const partitionName = ({ tenant, partition }: { tenant: string; partition: number }): string => `${tenant}:${partition}`

/** Rows of one query at most, so that a customer with a million transactions does not fill memory. */
const mostRows = 16 * mostEntries

/** The newest transactions since `since` of each customer, as many as a profile holds and those of the same time as the last of them. */
async function readHistory(database: Database, tenant: string, customers: readonly string[], since: number): Promise<HistoryRow[]> {
  const columns = 'tenant, customer, id, time, event, base_amount'
  const read: HistoryRow[] = []
  let rest = customers.toSorted()
  while (rest.length > 0) {
    const rows = await database.query<HistoryRow>(
      `SELECT ${columns} FROM transactions WHERE tenant = ? AND customer IN (?) AND time > ? ORDER BY customer, time, id LIMIT ${mostRows}`,
      [tenant, rest, since] as never,
    )
    if (rows.length < mostRows) return [...read, ...rows]
    const cut = rows[rows.length - 1].customer
    for (const row of rows) if (row.customer !== cut) read.push(row)
    const newest = await database.query<HistoryRow>(
      `SELECT ${columns} FROM transactions WHERE tenant = ? AND customer = ? AND time > ? AND time >= COALESCE(
         (SELECT time FROM transactions WHERE tenant = ? AND customer = ? AND time > ? ORDER BY time DESC LIMIT 1 OFFSET ${mostEntries - 1}), 0)`,
      [tenant, cut, since, tenant, cut, since],
    )
    read.push(...newest)
    rest = rest.filter((customer) => customer > cut)
  }
  return read
}

/** Makes the cache. `most` is its bound in bytes. */
export function createProfiles(database: Database, most: number): Profiles {
  // A Map keeps the order of insertion, and each use inserts anew, so that the first is the one longest unused.
  const cache = new Map<string, { profile: Profile; tenant: string; partition: number; bytes: number }>()
  let total = 0

  const put = (key: Key, profile: Profile) => {
    const name = nameOf(key.tenant, key.customer)
    const bytes = profile.bytes
    cache.set(name, { profile, tenant: key.tenant, partition: key.partition, bytes })
    total += bytes
  }
  const remove = (name: string) => {
    const held = cache.get(name)
    if (!held) return
    total -= held.bytes
    cache.delete(name)
  }
  const loadBank = async (tenant: string, keys: readonly Key[], received: number, applied: ReadonlyMap<string, Applied>) => {
    const reach = new Map(keys.map((key) => [key.customer, applied.get(partitionName(key)) as Applied]))
    const profiles = new Map(keys.map((key) => [key.customer, new Profile()]))
    const customers = [...profiles.keys()]
    const since = received - horizon
    const [history, outcomes, known] = await Promise.all([
      readHistory(database, tenant, customers, since),
      database.query<OutcomeRow>(
        `SELECT customer, happened_at, known_at, result, id, position FROM outcomes
         WHERE tenant = ? AND customer IN (?) AND happened_at > ? AND result IN ('declined', 'blocked')`,
        [tenant, customers, since - declineLag] as never,
      ),
      database.query<CustomerRow>(
        'SELECT customer, position, valid_from AS validFrom, lat, lon, zone, opened FROM customers WHERE tenant = ? AND customer IN (?) ORDER BY position',
        [tenant, customers] as never,
      ),
    ])
    const reached = (row: { customer: string; position: number }, topic: 'outcomes' | 'parties') =>
      row.position < (reach.get(row.customer) as Applied)[topic]
    for (const row of known) if (reached(row, 'parties')) profiles.get(row.customer)?.addParty(row)
    for (const row of outcomes)
      if (reached(row, 'outcomes')) profiles.get(row.customer)?.addOutcome(row.happened_at, row.known_at, row.result, row.id)
    const counts = new Map<string, number>()
    for (const { customer } of history) counts.set(customer, (counts.get(customer) ?? 0) + 1)
    for (const [customer, count] of counts) profiles.get(customer)?.reserve(count)
    for (const row of history) profiles.get(row.customer)?.insert(entryOf(decodeEvent(row), row.base_amount, row.time))
    for (const key of keys) put(key, profiles.get(key.customer) as Profile)
  }

  return {
    get(name) {
      const held = cache.get(name)
      if (!held) return undefined
      cache.delete(name)
      cache.set(name, held)
      return held.profile
    },
    async load(keys, received, applied) {
      const byBank = new Map<string, Key[]>()
      for (const key of keys) {
        const list = byBank.get(key.tenant)
        if (list) list.push(key)
        else byBank.set(key.tenant, [key])
      }
      await Promise.all([...byBank].map(([tenant, list]) => loadBank(tenant, list, received, applied)))
    },
    drop(names) {
      for (const name of names) remove(name)
    },
    dropPartition(tenant, partition) {
      for (const [name, held] of cache) if (held.tenant === tenant && held.partition === partition) remove(name)
    },
    trim(inHand) {
      for (const name of inHand) {
        const held = cache.get(name)
        if (!held) continue
        total += held.profile.bytes - held.bytes
        held.bytes = held.profile.bytes
      }
      if (total <= most) return
      for (const name of cache.keys()) {
        if (total <= most) return
        if (!inHand.has(name)) remove(name)
      }
    },
    size: () => cache.size,
    bytes: () => total,
  }
}
