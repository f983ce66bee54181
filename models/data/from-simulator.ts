/** A data set from a simulated bank: its stream of events through the same fold that serves. */
import type { SimulatedEvent } from '../../infra/simulator/simulate.ts'
import { euros } from '../../infra/simulator/world.ts'
import { exponentOf } from '../../services/shared/currencies.ts'
import { customerOf, type Label, type Transaction } from '../../services/shared/events.ts'
import { type Said, type Standing, standingAfter } from '../../services/shared/tidb/labels.ts'
import { counterFeatures, entityTypes, namedBy } from '../fold/counter-features.ts'
import { addLabel, addTransaction, cardBit, readCounters, stateWords } from '../fold/counters.ts'
import { entryOf, hashOf } from '../fold/entry.ts'
import { featureNames, featureSetHash, ownWidth, width } from '../fold/features.ts'
import { factsOf } from '../fold/parties.ts'
import { Profile } from '../fold/profile.ts'
import { Codes } from './codes.ts'
import { type Dataset, fraud, type GivenLabel, genuine, labelLog, sources, unknown } from './dataset.ts'
import { MatrixWriter } from './matrix.ts'
import { amountBands, newCards } from './segments.ts'

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

/** Labels of a simulated bank come later than this in one case of ten; a training waits no longer. */
const maturity = 15 * 86_400_000

/**
 * Folds a stream of at most `most` transactions. Each row sees only what came before it; resends are passed over. `description` is for the
 * manifest, `progress` is called now and then with the rows so far.
 */
export function foldStream(
  events: Iterable<SimulatedEvent>,
  most: number,
  description: Record<string, unknown> = {},
  progress: (rows: number) => void = () => undefined,
): Dataset {
  const writer = new MatrixWriter(width)
  const times = new Float64Array(most)
  const amounts = new Float64Array(most)
  const truth = new Uint8Array(most)
  const cards = new Codes()
  const [channels, countries, kinds] = [new Codes(), new Codes(), new Codes()]
  const labels: GivenLabel[] = []
  const rowOf = new Map<string, number>()
  const profiles = new Map<string, Profile>()
  const entities = new Entities()
  const placesOf = new Int32Array(most * entityTypes.length)
  const labelled = new Map<number, Said[]>()
  const profileOf = (customer: string): Profile => {
    const known = profiles.get(customer)
    if (known) return known
    const made = new Profile()
    profiles.set(customer, made)
    return made
  }
  const count = (row: number, { value, since }: Standing, delta: number) => {
    if (value === 'inconclusive') return
    for (let i = 0; i < entityTypes.length; i++) {
      const place = placesOf[row * entityTypes.length + i]
      if (place >= 0) addLabel(entities.stateAt(place), value, since, delta)
    }
  }
  const takeLabel = (label: Label) => {
    const row = rowOf.get(label.transaction)
    if (row === undefined) return
    const value = { genuine, fraud, inconclusive: unknown }[label.value]
    const knownAt = Date.parse(label.knownAt)
    labels.push({ row, knownAt, value, source: sources.indexOf(label.source) })
    const said = labelled.get(row) ?? []
    labelled.set(row, said)
    const changed = standingAfter(said, { id: label.id, value: label.value, source: label.source, knownAt, since: knownAt })
    if (!changed) return
    if (changed.before) count(row, changed.before, -1)
    count(row, changed.now, 1)
  }
  const takeTransaction = (event: Transaction, row: number) => {
    const time = Date.parse(event.time)
    const entry = entryOf(event, base(event), time)
    const profile = profileOf(customerOf(event))
    const { out, start } = writer.row
    profile.fold(entry, out, start)
    profile.insert(entry)
    const card = cardBit(hashOf(event.instrument))
    entities.placesOf(event).forEach((place, i) => {
      placesOf[row * entityTypes.length + i] = place
      const at = start + ownWidth + i * counterFeatures.length
      out.fill(0, at, at + counterFeatures.length)
      if (place < 0) return
      readCounters(entities.stateAt(place), time, out, at)
      addTransaction(entities.stateAt(place), time, card)
    })
    writer.next()
    times[row] = time
    amounts[row] = base(event)
    cards.push(customerOf(event))
    channels.push(event.channel)
    countries.push(event.country)
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
      kinds.push(e.fraud)
      rows++
      if (rows % 20_000 === 0) progress(rows)
    }
  }
  const ordered = times.subarray(0, rows)
  return {
    description,
    features: featureNames,
    featureSet: featureSetHash,
    matrix: writer.finish(),
    rows,
    times: ordered,
    labels: labelLog(labels),
    maturity,
    weights: new Float32Array(rows).fill(1),
    amounts: amounts.subarray(0, rows),
    cards: cards.codes,
    segments: [
      channels.segment('channel'),
      countries.segment('country'),
      kinds.segment('kind of fraud'),
      amountBands(amounts.subarray(0, rows), 'EUR'),
      newCards(ordered, cards.codes),
    ],
    truth: truth.subarray(0, rows),
  }
}
