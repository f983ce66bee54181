/** Training data: a stream of events through the same fold that serves, as feature vectors with what was known of them in the end. */
import type { SimulatedEvent } from '../infra/simulator/simulate.ts'
import { euros } from '../infra/simulator/world.ts'
import { exponentOf } from '../services/shared/currencies.ts'
import { customerOf, type Transaction } from '../services/shared/events.ts'
import { entryOf } from './entry.ts'
import { width } from './features.ts'
import { Profile } from './profile.ts'

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

/** Folds a stream of at most `most` transactions. Each row sees only what came before it; resends are passed over. */
export function foldStream(events: Iterable<SimulatedEvent>, most: number, progress: (rows: number) => void = () => undefined): Dataset {
  const features = new Float32Array(most * width)
  const times = new Float64Array(most)
  const labels = new Uint8Array(most)
  const truth = new Uint8Array(most)
  const rowOf = new Map<string, number>()
  const profiles = new Map<string, Profile>()
  const profileOf = (customer: string): Profile => {
    const known = profiles.get(customer)
    if (known) return known
    const made = new Profile()
    profiles.set(customer, made)
    return made
  }
  let rows = 0
  for (const e of events) {
    if (e.topic === 'labels') {
      const row = rowOf.get(e.event.transaction)
      if (row !== undefined && e.event.value !== 'inconclusive') labels[row] = e.event.value === 'fraud' ? 1 : 0
    } else if (e.topic === 'outcomes')
      profileOf(e.event.customer).addOutcome(Date.parse(e.event.happenedAt), e.at, e.event.result, e.event.id)
    else if (e.topic === 'parties') {
      const { instrument, validFrom, home, zone, opened } = e.event
      if (instrument !== undefined) continue
      profileOf(e.event.customer).addParty({
        validFrom: Date.parse(validFrom),
        lat: home?.lat ?? null,
        lon: home?.lon ?? null,
        zone: zone ?? null,
        opened: opened ? Date.parse(opened) : null,
      })
    } else if (!e.resend && rows < most) {
      const time = Date.parse(e.event.time)
      const entry = entryOf(e.event, base(e.event), time)
      const profile = profileOf(customerOf(e.event))
      profile.fold(entry, features, rows * width)
      profile.insert(entry)
      times[rows] = time
      truth[rows] = e.fraud ? 1 : 0
      rowOf.set(e.event.id, rows)
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
