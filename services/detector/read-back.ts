/** What was recorded for records that Kafka gives again: read from TiDB, so that it can be published again, byte for byte. */
import { topics } from '../shared/events.ts'
import type { Database } from '../shared/tidb/database.ts'
import type { Decided, Raw, Verdict } from './batch.ts'
import { findDecided, idKey } from './state/decided-rows.ts'

type Aside = { topic: string; log: number; part: number; log_offset: number; outcome: string; id: string }
type Dead = {
  topic: string
  log: number
  part: number
  log_offset: number
  reason: string
  detail: string
  record_value: Buffer | null
  recorded: number
}

const placeKey = (topic: string, log: number, partition: number, offset: number) => `${topic}:${log}:${partition}:${offset}`

/** Rows of a table that lie in the range of offsets of each bank's partition. */
async function inRange<Row>(database: Database, table: 'set_aside' | 'dead_letters', raws: readonly Raw[]): Promise<Map<string, Row>> {
  const ranges = new Map<string, { first: Raw; last: Raw }>()
  for (const raw of raws) {
    const key = `${raw.tenant}:${raw.topic}:${raw.partition}`
    const range = ranges.get(key)
    if (range) range.last = raw
    else ranges.set(key, { first: raw, last: raw })
  }
  const found = new Map<string, Row>()
  for (const { first, last } of ranges.values()) {
    const rows = await database.query<Row & Aside>(
      `SELECT * FROM ${table} WHERE tenant = ? AND topic = ? AND log = ? AND part = ? AND log_offset BETWEEN ? AND ?`,
      [first.tenant, first.topic, first.log, first.partition, first.offset, last.offset],
    )
    for (const row of rows) found.set(`${first.tenant}:${placeKey(row.topic, row.log, row.part, row.log_offset)}`, row)
  }
  return found
}

const idOf = (raw: Raw): string => {
  try {
    const { id } = JSON.parse((raw.value ?? Buffer.alloc(0)).toString()) as { id?: unknown }
    return typeof id === 'string' && /^[!-~]{1,64}$/.test(id) ? id : ''
  } catch {
    return ''
  }
}

/**
 * The verdicts that were recorded for these records; outcomes, parties and labels have no message and are left out. A transaction
 * without any is a hole in the record, which the transaction with progress rules out: its id is returned in `missing`.
 */
export async function readBack(database: Database, raws: readonly Raw[]): Promise<{ verdicts: Verdict[]; missing: Raw[] }> {
  const [aside, dead] = await Promise.all([inRange<Aside>(database, 'set_aside', raws), inRange<Dead>(database, 'dead_letters', raws)])
  const ids = new Map<Raw, string>()
  for (const raw of raws) if (raw.topic === 'transactions') ids.set(raw, idOf(raw))
  const decided: Map<string, Decided> = await findDecided(
    database,
    [...ids].filter(([, id]) => id !== '').map(([raw, id]) => ({ tenant: raw.tenant, id })),
  )
  const verdicts: Verdict[] = []
  const missing: Raw[] = []
  for (const raw of raws) {
    const place = `${raw.tenant}:${placeKey(raw.topic, raw.log, raw.partition, raw.offset)}`
    const letter = dead.get(place)
    const set = aside.get(place)
    const row = decided.get(idKey(raw.tenant, ids.get(raw) ?? ''))
    if (letter)
      verdicts.push({
        kind: 'dead_letter',
        raw,
        reason: letter.reason,
        detail: letter.detail,
        value: letter.record_value,
        at: letter.recorded,
      })
    else if (set?.outcome === 'moved') verdicts.push({ kind: 'moved', raw, id: set.id, key: keyOf(raw) })
    else if (row) verdicts.push({ kind: set ? 'duplicate' : 'decided', raw, id: row.id, first: row, row } as Verdict)
    else if (raw.topic === 'transactions') missing.push(raw)
  }
  return { verdicts, missing }
}

const keyOf = (raw: Raw): string => (topics[raw.topic].key as (e: unknown) => string)(JSON.parse((raw.value as Buffer).toString()))
