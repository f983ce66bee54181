/** The features that serve, all of the registry, over columns: each row as the detector would have seen it, labels as they became known. */
import type { Transaction } from '../../services/shared/events.ts'
import { counterFeatures, entityTypes } from '../fold/counter-features.ts'
import { addLabel, addTransaction, cardBit, readCounters, stateWords } from '../fold/counters.ts'
import { entryOf, hashOf } from '../fold/entry.ts'
import { ownWidth } from '../fold/features.ts'
import { Profile } from '../fold/profile.ts'
import type { Columns } from './columns.ts'

/** The rows as transactions: the same object each time, with another row's content. */
function transactions(columns: Columns): (row: number) => Transaction {
  const { texts, lat, lon, currency } = columns
  const place = { lat: 0, lon: 0 }
  const current: Record<string, unknown> = { id: '', currency, time: '', place: undefined }
  for (const [name, { values }] of texts) current[name] = values[0]
  // What all rows have is there already.
  const varying = [...texts].filter(([, { codes, values }]) => values.length > 1 || codes.includes(-1))
  return (row) => {
    current.id = columns.idAt(row)
    for (let i = 0; i < varying.length; i++) {
      const [name, { codes, values }] = varying[i]
      current[name] = codes[row] < 0 ? undefined : values[codes[row]]
    }
    if (lat && lon) {
      place.lat = lat[row]
      place.lon = lon[row]
      current.place = Number.isNaN(place.lat) || Number.isNaN(place.lon) ? undefined : place
    }
    return current as Transaction
  }
}

/** Counters of the entities of one type; undefined where the columns have none. */
function counters(columns: Columns, type: (typeof entityTypes)[number]) {
  const column = columns.texts.get(type)
  if (!column) return undefined
  const { codes, values } = column
  const states = values.map(() => new Uint32Array(stateWords))
  const cards = columns.texts.get('instrument')
  const bits = Uint8Array.from(cards?.values ?? [], (text) => cardBit(hashOf(text)))
  return {
    state: (row: number) => (codes[row] < 0 ? undefined : states[codes[row]]),
    add(row: number) {
      if (codes[row] >= 0) addTransaction(states[codes[row]], columns.times[row], bits[cards?.codes[row] as number])
    },
  }
}

/** Makes the fold. Every row must be folded once, in order; it writes `width` features into `out` from `start` on. */
export function createServingFold(columns: Columns): (row: number, out: Float32Array, start: number) => void {
  const { times, amounts, frauds, labelDelay } = columns
  const transactionAt = transactions(columns)
  const owner = columns.texts.get('customer') ?? columns.texts.get('instrument')
  const profiles = owner?.values.map(() => new Profile()) ?? []
  const shared = entityTypes.map((type) => counters(columns, type))
  /** The first row whose label is not known yet. */
  let unknown = 0
  return (row, out, start) => {
    const time = times[row]
    for (; labelDelay !== undefined && unknown < row && times[unknown] + labelDelay <= time; unknown++) {
      if (frauds[unknown] === 0) continue
      for (const of of shared) {
        const state = of?.state(unknown)
        if (state) addLabel(state, 'fraud', times[unknown] + labelDelay, 1)
      }
    }
    const entry = entryOf(transactionAt(row), amounts[row], time)
    const profile = profiles[owner?.codes[row] as number]
    profile.fold(entry, out, start)
    profile.insert(entry)
    for (let type = 0; type < shared.length; type++) {
      const at = start + ownWidth + type * counterFeatures.length
      const state = shared[type]?.state(row)
      if (!state) for (let i = 0; i < counterFeatures.length; i++) out[at + i] = 0
      else {
        readCounters(state, time, out, at)
        shared[type]?.add(row)
      }
    }
  }
}
