/** What is known of a customer beside the transactions, in versions: each holds from its own time on, the first one before it too. */
import type { Party } from '../../services/shared/events.ts'
import { type Zone, zoneOf } from './zone.ts'

/** A version; null where something is unknown. `validFrom` and `opened` are milliseconds since 1970. */
export type CustomerFacts = { validFrom: number; lat: number | null; lon: number | null; zone: string | null; opened: number | null }
/** The same for the fold: NaN where something is unknown. */
export type Known = { validFrom: number; lat: number; lon: number; zone: Zone; opened: number }

/** The version that a `parties` event tells. */
export const factsOf = ({ validFrom, home, zone, opened }: Party): CustomerFacts => ({
  validFrom: Date.parse(validFrom),
  lat: home?.lat ?? null,
  lon: home?.lon ?? null,
  zone: zone ?? null,
  opened: opened === undefined ? null : Date.parse(opened),
})

const most = 16
export const nothingKnown: Known = { validFrom: 0, lat: Number.NaN, lon: Number.NaN, zone: zoneOf(null), opened: Number.NaN }

export class Parties {
  #versions: Known[] = []

  get size(): number {
    return this.#versions.length
  }

  /** Takes a version in. Of two with the same `validFrom` the one that came later holds; at most the newest 16 are kept. */
  add({ validFrom, lat, lon, zone, opened }: CustomerFacts): void {
    const made = { validFrom, lat: lat ?? Number.NaN, lon: lon ?? Number.NaN, zone: zoneOf(zone), opened: opened ?? Number.NaN }
    const list = this.#versions
    let i = list.length
    while (i > 0 && list[i - 1].validFrom > validFrom) i--
    if (i > 0 && list[i - 1].validFrom === validFrom) list[i - 1] = made
    // No more room than it needs: most customers have one version.
    else this.#versions = list.toSpliced(i, 0, made).slice(-most)
  }

  /** What held at that time. */
  at(time: number): Known {
    const list = this.#versions
    for (let i = list.length - 1; i > 0; i--) if (list[i].validFrom <= time) return list[i]
    return list[0] ?? nothingKnown
  }
}
