/**
 * The counters that decisions saw, beside what they could have been. They depend on how the partitions ran beside each other, so a recorded
 * value is not recomputed but bounded: below by what had been decided `slack` before the decision, above by what had been `slack` after it.
 */
import { addTransaction, cardBit, counterFeatures, namedBy, readCounters, stateWords } from '../../models/counters.ts'
import { hashOf } from '../../models/entry.ts'
import { featureSetHash, ownWidth } from '../../models/features.ts'
import type { Database } from '../../services/shared/database.ts'
import type { Transaction } from '../../services/shared/events.ts'
import type { Range } from './customers.ts'

/** Milliseconds by which a counter may be behind or ahead of a decision. */
export const slack = 60_000
/** Decisions that are compared at most; more would not tell more. */
const mostCompared = 5000
const page = 5000
const day = 86_400_000
/** Days before the range that a counter can still hold. */
const reach = 37 * day
/** Those that only grow with each transaction; what labels move is not compared. */
const growing = ['count_1h', 'count_24h', 'count_30d', 'cards_24h', 'cards_30d'].map((name) =>
  counterFeatures.findIndex((f) => f.name === name),
)

type Row = { customer: string; time: number; id: string; event: Buffer; decided: number; features: Buffer; feature_set: Buffer }
type Event = { time: number; decided: number; card: number }
type Seen = { id: string; time: number; decided: number; recorded: number[] }
type Entity = { events: Event[]; seen: Seen[] }

/** The bank's transactions of a range, in the order of the table. */
async function* rowsOf(database: Database, tenant: string, { from, to }: Range): AsyncGenerator<Row> {
  for (let [customer, time, id] = ['', 0, '']; ; ) {
    const rows = await database.query<Row>(
      `SELECT customer, time, id, event, decided, features, feature_set FROM transactions
       WHERE tenant = ? AND time >= ? AND time < ? AND (customer, time, id) > (?, ?, ?) ORDER BY customer, time, id LIMIT ${page}`,
      [tenant, from, to, customer, time, id],
    )
    yield* rows
    if (rows.length < page) return
    ;({ customer, time, id } = rows[rows.length - 1])
  }
}

const namesOf = (transaction: Transaction): (string | undefined)[] =>
  namedBy(transaction).map((value, type) => (value === undefined ? undefined : `${type}:${value}`))

/** The decisions of the range that are compared, under each entity they name. */
async function seenIn(database: Database, tenant: string, range: Range): Promise<{ entities: Map<string, Entity>; compared: number }> {
  const entities = new Map<string, Entity>()
  let compared = 0
  for await (const row of rowsOf(database, tenant, range)) {
    if (compared === mostCompared) break
    if (row.feature_set.toString('hex') !== featureSetHash) continue
    compared++
    const vector = new Float32Array(new Uint8Array(row.features).buffer)
    namesOf(JSON.parse(row.event.toString()) as Transaction).forEach((name, type) => {
      if (name === undefined) return
      const at = ownWidth + type * counterFeatures.length
      const entity = entities.get(name) ?? { events: [], seen: [] }
      entities.set(name, entity)
      entity.seen.push({ id: row.id, time: row.time, decided: row.decided, recorded: growing.map((f) => vector[at + f]) })
    })
  }
  return { entities, compared }
}

/** Whether what a decision saw lies between what the two states hold. */
function isBetween({ time, recorded }: Seen, least: Uint32Array, most: Uint32Array): boolean {
  const [low, high] = [least, most].map((state) => {
    const out = new Float32Array(counterFeatures.length)
    readCounters(state, time, out, 0)
    return out
  })
  return growing.every((f, i) => recorded[i] >= Math.fround(low[f]) && recorded[i] <= Math.fround(high[f]))
}

/** Decisions of one entity that saw what it cannot have held. */
function beyond({ events, seen }: Entity): string[] {
  events.sort((a, b) => a.decided - b.decided)
  seen.sort((a, b) => a.decided - b.decided)
  const [least, most] = [new Uint32Array(stateWords), new Uint32Array(stateWords)]
  let [l, m] = [0, 0]
  return seen.flatMap((s) => {
    for (; l < events.length && events[l].decided < s.decided - slack; l++) addTransaction(least, events[l].time, events[l].card)
    for (; m < events.length && events[m].decided <= s.decided + slack; m++) addTransaction(most, events[m].time, events[m].card)
    return isBetween(s, least, most) ? [] : [s.id]
  })
}

/** Compares at most 5,000 decisions of the range. */
export async function compareCounters(
  database: Database,
  tenant: string,
  { from, to }: Range,
): Promise<{ compared: number; beyond: string[] }> {
  const { entities, compared } = await seenIn(database, tenant, { from, to })
  for await (const row of rowsOf(database, tenant, { from: from - reach, to: to + reach })) {
    const transaction = JSON.parse(row.event.toString()) as Transaction
    for (const name of namesOf(transaction)) {
      if (name === undefined) continue
      entities.get(name)?.events.push({ time: row.time, decided: row.decided, card: cardBit(hashOf(transaction.instrument)) })
    }
  }
  return { compared, beyond: [...new Set([...entities.values()].flatMap(beyond))] }
}
