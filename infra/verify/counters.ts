/**
 * The counters that decisions saw, beside what they could have been. They depend on how the partitions ran beside each other, so a recorded
 * value is not recomputed but bounded: below by what had been decided `slack` before the decision, above by what had been `slack` after it.
 */
import { counterFeatures, namedBy } from '../../models/fold/counter-features.ts'
import { addTransaction, cardBit, readCounters, span, stateWords } from '../../models/fold/counters.ts'
import { hashOf } from '../../models/fold/entry.ts'
import { featureSetHash, ownWidth, width } from '../../models/fold/features.ts'
import { unpackVector } from '../../models/fold/vector-bytes.ts'
import type { Transaction } from '../../services/shared/events.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { decodeEvent, type EventRow } from '../../services/shared/tidb/row-event.ts'
import type { Range } from './customers.ts'

/** Milliseconds by which a counter may be behind or ahead of a decision. */
export const slack = 60_000
/** Decisions that are compared at most; more would not tell more. */
const mostCompared = 5000
const page = 5000
const day = 86_400_000
/** Days before the range that a counter can still hold. */
const reach = 37 * day
const hour = 3_600_000
/** What only grows with each transaction, by the ring it is read from; what labels move is not compared. A record is about `every` ms. */
const compared = [
  { every: span * hour, features: ['count_1h', 'count_24h', 'cards_24h'] },
  { every: span * day, features: ['count_30d', 'cards_30d'] },
].map(({ every, features }) => ({ every, places: features.map((name) => counterFeatures.findIndex((f) => f.name === name)) }))

type Row = EventRow & { decided: number; features: Buffer; feature_set: Buffer }
type Event = { time: number; decided: number; card: number }
type Seen = { id: string; time: number; decided: number; recorded: Float32Array }
type Entity = { events: Event[]; seen: Seen[] }

/** The bank's transactions of a range, in the order of the table. */
async function* rowsOf(database: Database, tenant: string, { from, to }: Range): AsyncGenerator<Row> {
  for (let [customer, time, id] = ['', 0, '']; ; ) {
    const rows = await database.query<Row>(
      `SELECT tenant, customer, time, id, event, decided, features, feature_set FROM transactions
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
async function seenIn(database: Database, tenant: string, range: Range): Promise<{ entities: Map<string, Entity>; decisions: number }> {
  const entities = new Map<string, Entity>()
  let decisions = 0
  for await (const row of rowsOf(database, tenant, range)) {
    if (decisions === mostCompared) break
    if (row.feature_set.toString('hex') !== featureSetHash) continue
    decisions++
    const vector = new Float32Array(width)
    unpackVector(row.features, vector, 0, width)
    namesOf(decodeEvent(row)).forEach((name, type) => {
      if (name === undefined) return
      const at = ownWidth + type * counterFeatures.length
      const entity = entities.get(name) ?? { events: [], seen: [] }
      entities.set(name, entity)
      entity.seen.push({ id: row.id, time: row.time, decided: row.decided, recorded: vector.slice(at, at + counterFeatures.length) })
    })
  }
  return { entities, decisions }
}

const featuresOf = (state: Uint32Array, time: number): Float32Array => {
  const out = new Float32Array(counterFeatures.length)
  readCounters(state, time, out, 0)
  return out
}

/** Whether a decision saw what its entity can have held. A later record of the ring may have taken the place of an earlier one: then nothing bounds it below. */
function isBetween({ time, decided, recorded }: Seen, events: readonly Event[]): boolean {
  return compared.every(({ every, places }) => {
    const end = (Math.floor(time / every) + 1) * every
    const [least, most] = [new Uint32Array(stateWords), new Uint32Array(stateWords)]
    let overtaken = false
    for (const e of events) {
      if (e.decided > decided + slack) continue
      if (e.time >= end) {
        overtaken = true
        continue
      }
      addTransaction(most, e.time, e.card)
      if (e.decided < decided - slack) addTransaction(least, e.time, e.card)
    }
    const [low, high] = [featuresOf(least, time), featuresOf(most, time)]
    return places.every((f) => recorded[f] <= high[f] && (overtaken || recorded[f] >= low[f]))
  })
}

/** Decisions of one entity that saw what it cannot have held. */
const beyond = ({ events, seen }: Entity): string[] => seen.flatMap((s) => (isBetween(s, events) ? [] : [s.id]))

/** Compares at most 5,000 decisions of the range. */
export async function compareCounters(
  database: Database,
  tenant: string,
  { from, to }: Range,
): Promise<{ compared: number; beyond: string[] }> {
  const { entities, decisions } = await seenIn(database, tenant, { from, to })
  for await (const row of rowsOf(database, tenant, { from: from - reach, to: to + reach })) {
    const transaction = decodeEvent(row)
    for (const name of namesOf(transaction)) {
      if (name === undefined) continue
      entities.get(name)?.events.push({ time: row.time, decided: row.decided, card: cardBit(hashOf(transaction.instrument)) })
    }
  }
  return { compared: decisions, beyond: [...new Set([...entities.values()].flatMap(beyond))] }
}
