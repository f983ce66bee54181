/** Customers' histories in memory: what a batch misses is loaded in one query a bank, what was longest unused goes first. */
import { entryOf, horizon, Profile } from '../../../models/profile.ts'
import type { Database } from '../../shared/database.ts'
import type { Transaction } from '../../shared/events.ts'

export type Key = { tenant: string; customer: string; partition: number }
export type Profiles = {
  get(key: Key): Profile | undefined
  /** Brings those that are missing into memory, with all that TiDB holds of them since `since`. */
  load(keys: readonly Key[], received: number): Promise<void>
  /** Forgets what a batch that was not recorded has changed. */
  drop(names: Iterable<string>): void
  /** Forgets a partition's customers, since another owner may have decided for them. */
  dropPartition(tenant: string, partition: number): void
  /** Lets go of the longest unused until the bound holds, but for those in hand. */
  trim(inHand: ReadonlySet<string>): void
  size(): number
  bytes(): number
}

type HistoryRow = { customer: string; time: number; event: Buffer; base_amount: number }
type OutcomeRow = { customer: string; known_at: number; result: string; id: string }
type CustomerRow = { customer: string; lat: number | null; lon: number | null; zone: string | null; opened: number | null }

export const nameOf = (tenant: string, customer: string): string => `${tenant}:${customer}`

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
  const loadBank = async (tenant: string, keys: readonly Key[], received: number) => {
    const profiles = new Map(keys.map((key) => [key.customer, new Profile()]))
    const customers = [...profiles.keys()]
    const since = received - horizon
    const [history, outcomes, known] = await Promise.all([
      database.query<HistoryRow>(
        'SELECT customer, time, event, base_amount FROM transactions WHERE tenant = ? AND customer IN (?) AND time > ? ORDER BY customer, time, id',
        [tenant, customers, since] as never,
      ),
      database.query<OutcomeRow>(
        'SELECT customer, known_at, result, id FROM outcomes WHERE tenant = ? AND customer IN (?) AND known_at > ? ORDER BY customer, known_at, id',
        [tenant, customers, since] as never,
      ),
      database.query<CustomerRow>(
        'SELECT customer, lat, lon, zone, opened FROM customers WHERE tenant = ? AND customer IN (?) ORDER BY customer, valid_from',
        [tenant, customers] as never,
      ),
    ])
    for (const row of history)
      profiles.get(row.customer)?.insert(entryOf(JSON.parse(row.event.toString()) as Transaction, row.base_amount, row.time))
    for (const row of outcomes) profiles.get(row.customer)?.addOutcome(row.known_at, row.result, row.id)
    for (const row of known) profiles.get(row.customer)?.setCustomer(row)
    for (const key of keys) put(key, profiles.get(key.customer) as Profile)
  }

  return {
    get(key) {
      const name = nameOf(key.tenant, key.customer)
      const held = cache.get(name)
      if (!held) return undefined
      cache.delete(name)
      cache.set(name, held)
      return held.profile
    },
    async load(keys, received) {
      const byBank = new Map<string, Key[]>()
      for (const key of keys) {
        const list = byBank.get(key.tenant)
        if (list) list.push(key)
        else byBank.set(key.tenant, [key])
      }
      await Promise.all([...byBank].map(([tenant, list]) => loadBank(tenant, list, received)))
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
