/** Counters beside what they should be: rows of transactions in TiDB, and the states that follow from them. */
import { cardBit, stateWords } from '../../models/fold/counters.ts'
import { hashOf } from '../../models/fold/entry.ts'
import { applyEntry, newEntity, readValue } from '../../services/detector/counters/entries.ts'
import { effectOf, type LabelMove } from '../../services/detector/counters/labels.ts'
import { entitiesOf } from '../../services/detector/counters/names.ts'
import { codes } from '../../services/detector/counters/script.ts'
import type { Store } from '../../services/detector/counters/store.ts'
import type { Transaction } from '../../services/shared/events.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { decodeEvent, type EventRow, encodeEvent } from '../../services/shared/tidb/row-event.ts'

export type States = Map<string, Uint32Array>

const stateOf = (states: States, name: string): Uint32Array => {
  let state = states.get(name)
  if (!state) {
    state = new Uint32Array(stateWords)
    states.set(name, state)
  }
  return state
}

/** Puts a transaction at a place as if it had been decided. */
export async function putDecided(
  database: Database,
  rows: readonly { transaction: Transaction; partition: number; log?: number; offset: number }[],
): Promise<void> {
  for (let from = 0; from < rows.length; from += 1000)
    await database.execute(
      `INSERT INTO transactions (tenant, customer, time, id, event, content_hash, part, log, log_offset, outcomes_to, parties_to, base_amount, rate_date,
         features, feature_set, score, action, alert, sampled, sample_probability, reasons, model, policy, backend, received, decided) VALUES ?`,
      [
        rows.slice(from, from + 1000).map(({ transaction: t, partition, log = 0, offset }) => {
          const time = Date.parse(t.time)
          const place = [Buffer.alloc(16), partition, log, offset, 0, 0]
          const decided = [t.amount, null, Buffer.alloc(4), Buffer.alloc(8), 0.1, 0, 0, 0, null, null, 1, 1, 0, time, time]
          return [t.tenant, t.customer, time, t.id, encodeEvent(t, time), ...place, ...decided]
        }),
      ] as never,
    )
}

/** What every entity's counters are by what TiDB holds. */
export async function statesByTiDB(database: Database): Promise<States> {
  const states: States = new Map()
  for (const row of await database.query<EventRow>('SELECT tenant, customer, id, time, event FROM transactions')) {
    const { tenant, time } = row
    const transaction = decodeEvent(row)
    for (const name of entitiesOf(tenant, transaction))
      if (name !== undefined) applyEntry(stateOf(states, name), Math.floor(time / 1000), cardBit(hashOf(transaction.instrument)))
  }
  for (const row of await database.query<LabelMove>('SELECT * FROM label_moves')) {
    const { parties, changes } = effectOf(row)
    for (const name of entitiesOf(row.tenant, parties))
      for (const { value, knownAt, delta } of name === undefined ? [] : changes) {
        const code = value === 'fraud' ? (delta > 0 ? codes.fraud : codes.noFraud) : delta > 0 ? codes.genuine : codes.notGenuine
        applyEntry(stateOf(states, name as string), Math.floor(knownAt / 1000), code)
      }
  }
  return states
}

/** What Redis holds of those entities in the generation in force. */
export async function statesByRedis(store: Store, names: Iterable<string>): Promise<States> {
  const list = [...names]
  const { values } = await store.read(
    await store.generation(),
    list.map((name) => newEntity(name, false)),
  )
  return new Map(
    list.map((name, i) => {
      const state = new Uint32Array(stateWords)
      readValue(values[i], state)
      return [name, state]
    }),
  )
}
