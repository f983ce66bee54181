/** The shared counters in Redis beside what TiDB's rows come to. */
import { stateWords } from '../models/fold/counters.ts'
import { applyEntry, Entries, newEntity, readValue } from '../services/detector/counters/entries.ts'
import { addRow } from '../services/detector/counters/fill.ts'
import { effectOf, type LabelMove } from '../services/detector/counters/labels.ts'
import { patternOf } from '../services/detector/counters/names.ts'
import type { Store } from '../services/detector/counters/store.ts'
import type { Database } from '../services/shared/tidb/database.ts'
import type { EventRow } from '../services/shared/tidb/row-event.ts'

type Place = { part: number; log: number; log_offset: number }
type Row = Place & EventRow

const page = 1000

/** What each entity should hold: every decided transaction and every label once. */
async function expected(database: Database, tenant: string): Promise<Map<string, Uint32Array>> {
  const entries = new Entries()
  const rows = await database.query<Row>(
    'SELECT tenant, customer, id, time, event, part, log, log_offset FROM transactions WHERE tenant = ?',
    [tenant],
  )
  for (const row of rows) addRow(entries, { tenant, topic: 'transactions', partition: row.part }, row)
  const labels = await database.query<LabelMove & Place>('SELECT * FROM label_moves WHERE tenant = ?', [tenant])
  for (const move of labels)
    entries.addLabel({ tenant, topic: 'labels', partition: move.part, log: move.log, offset: move.log_offset }, effectOf(move))
  const states = new Map<string, Uint32Array>()
  for (const { name, entries: events } of entries.entities.values()) {
    const state = new Uint32Array(stateWords)
    for (let i = 0; i < events.length; i += 4) applyEntry(state, events[i], events[i + 1])
    states.set(name, state)
  }
  return states
}

/** Entities whose counters are not what TiDB's rows come to, and those that no row names. */
export async function wrongCounters(database: Database, store: Store, tenant: string): Promise<string[]> {
  const states = await expected(database, tenant)
  const generation = await store.generation()
  const wrong: string[] = []
  const names = [...states.keys()]
  for (let from = 0; from < names.length; from += page) {
    const some = names.slice(from, from + page)
    const { values } = await store.read(
      generation,
      some.map((name) => newEntity(name, false)),
    )
    some.forEach((name, i) => {
      const state = new Uint32Array(stateWords)
      readValue(values[i], state)
      if (states.get(name)?.some((word, w) => word !== state[w])) wrong.push(name)
    })
  }
  for (let cursor = '0'; ; ) {
    const [next, keys] = await store.redis.scan(cursor, 'MATCH', patternOf(store.group, generation.number), 'COUNT', page)
    const found = keys.map((key) => key.slice(key.indexOf(':', key.indexOf('}')) + 1))
    wrong.push(...found.filter((name) => name !== 'positions' && !states.has(name)))
    if (next === '0') return wrong
    cursor = next
  }
}
