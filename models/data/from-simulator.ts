/** Training data: a stream of events through the same fold that serves, as feature vectors with what was known of them in the end. */
import type { SimulatedEvent } from '../../infra/simulator/simulate.ts'
import { euros } from '../../infra/simulator/world.ts'
import { exponentOf } from '../../services/shared/currencies.ts'
import { customerOf, type Label, type Transaction } from '../../services/shared/events.ts'
import { addLabel, addTransaction, cardBit, counterFeatures, entityTypes, namedBy, readCounters, stateWords } from '../fold/counters.ts'
import { entryOf, hashOf } from '../fold/entry.ts'
import { ownWidth, width } from '../fold/features.ts'
import { factsOf } from '../fold/parties.ts'
import { Profile } from '../fold/profile.ts'

export type Dataset = {
  rows: number
  /** `width` float32 a row, in order of arrival. */
  features: Float32Array
  times: Float64Array
  /** 1 where a label said fraud by the end of the stream. */
  labels: Uint8Array
  /** 1 where it truly was fraud, which only a simulation knows. */
  truth: Uint8Array
}

const base = (t: Transaction): number => Math.round(t.amount * euros[t.currency] * 10 ** (exponentOf('EUR') - exponentOf(t.currency)))

/** Counters of entities as serving has them, over a whole stream. */
class Entities {
  readonly #places = new Map<string, number>()
  readonly #states: Uint32Array[] = []

  /** The place of each entity of a transaction, -1 where it names none. */
  placesOf(transaction: Transaction): number[] {
    return namedBy(transaction).map((value, type) => (value === undefined ? -1 : this.#placeOf(`${type}:${value}`)))
  }

  #placeOf(key: string): number {
    const known = this.#places.get(key)
    if (known !== undefined) return known
    const place = this.#states.push(new Uint32Array(stateWords)) - 1
    this.#places.set(key, place)
    return place
  }

  stateAt(place: number): Uint32Array {
    return this.#states[place]
  }
}

/** Folds a stream of at most `most` transactions. Each row sees only what came before it; resends are passed over. */
export function foldStream(events: Iterable<SimulatedEvent>, most: number, progress: (rows: number) => void = () => undefined): Dataset {
  const features = new Float32Array(most * width)
  const times = new Float64Array(most)
  const labels = new Uint8Array(most)
  const truth = new Uint8Array(most)
  const rowOf = new Map<string, number>()
  const profiles = new Map<string, Profile>()
  const entities = new Entities()
  const placesOf = new Int32Array(most * entityTypes.length)
  const labelled = new Map<number, Label>()
  const profileOf = (customer: string): Profile => {
    const known = profiles.get(customer)
    if (known) return known
    const made = new Profile()
    profiles.set(customer, made)
    return made
  }
  const count = (row: number, { value, knownAt }: Label, delta: number) => {
    if (value === 'inconclusive') return
    for (let i = 0; i < entityTypes.length; i++) {
      const place = placesOf[row * entityTypes.length + i]
      if (place >= 0) addLabel(entities.stateAt(place), value, Date.parse(knownAt), delta)
    }
  }
  const takeLabel = (label: Label) => {
    const row = rowOf.get(label.transaction)
    if (row === undefined) return
    if (label.value !== 'inconclusive') labels[row] = label.value === 'fraud' ? 1 : 0
    const before = labelled.get(row)
    if (before && Date.parse(before.knownAt) > Date.parse(label.knownAt)) return
    if (before) count(row, before, -1)
    labelled.set(row, label)
    count(row, label, 1)
  }
  const takeTransaction = (event: Transaction, row: number) => {
    const time = Date.parse(event.time)
    const entry = entryOf(event, base(event), time)
    const profile = profileOf(customerOf(event))
    profile.fold(entry, features, row * width)
    profile.insert(entry)
    const card = cardBit(hashOf(event.instrument))
    entities.placesOf(event).forEach((place, i) => {
      placesOf[row * entityTypes.length + i] = place
      if (place < 0) return
      readCounters(entities.stateAt(place), time, features, row * width + ownWidth + i * counterFeatures.length)
      addTransaction(entities.stateAt(place), time, card)
    })
    times[row] = time
    rowOf.set(event.id, row)
  }
  let rows = 0
  for (const e of events) {
    if (e.topic === 'labels') takeLabel(e.event)
    else if (e.topic === 'outcomes')
      profileOf(e.event.customer).addOutcome(Date.parse(e.event.happenedAt), e.at, e.event.result, e.event.id)
    else if (e.topic === 'parties') {
      if (e.event.instrument === undefined) profileOf(e.event.customer).addParty(factsOf(e.event))
    } else if (!e.resend && rows < most) {
      takeTransaction(e.event, rows)
      truth[rows] = e.fraud ? 1 : 0
      rows++
      if (rows % 20_000 === 0) progress(rows)
    }
  }
  return {
    rows,
    features: features.subarray(0, rows * width),
    times: times.subarray(0, rows),
    labels: labels.subarray(0, rows),
    truth: truth.subarray(0, rows),
  }
}
