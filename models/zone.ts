/** Local hours of a time zone, quick enough to ask for each transaction. */
const halfHour = 1_800_000
const mostCached = 4096

export type Zone = { readonly name: string; hour(time: number): number }

const zones = new Map<string, Zone>()
const utc: Zone = { name: 'UTC', hour: (time) => Math.floor(time / 3_600_000) % 24 }

/** Offsets change on half hours only, so one look-up in the zone's rules serves all that happens within one. */
function createZone(name: string): Zone {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: name, hour: 'numeric', hourCycle: 'h23' })
  const hours = new Map<number, number>()
  return {
    name,
    hour(time) {
      const slot = Math.floor(time / halfHour)
      const known = hours.get(slot)
      if (known !== undefined) return known
      if (hours.size >= mostCached) hours.clear()
      const found = Number(format.format(slot * halfHour))
      hours.set(slot, found)
      return found
    },
  }
}

/** The zone of that IANA name; UTC where there is none of that name. */
export function zoneOf(name: string | null): Zone {
  if (name === null || name === 'UTC') return utc
  const known = zones.get(name)
  if (known) return known
  let made = utc
  try {
    made = createZone(name)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  // Names come from outside: the bound keeps invented ones from filling memory.
  if (zones.size < 1000) zones.set(name, made)
  return made
}
