/** Local days and hours of a time zone, quick enough to ask for each transaction. */
const hourMs = 3_600_000
const halfHour = 1_800_000
const mostCached = 4096

/** `weekHour` counts the hours of the local week: 0 is Monday at midnight, 167 Sunday at 23. */
export type Zone = { readonly name: string; weekHour(time: number): number }

const zones = new Map<string, Zone>()
/** 1 January 1970 was a Thursday. */
const utc: Zone = { name: 'UTC', weekHour: (time) => (((Math.floor(time / hourMs) + 72) % 168) + 168) % 168 }
const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** Offsets change on half hours only, so one look-up in the zone's rules serves all that happens within one. */
function createZone(name: string): Zone {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: name, weekday: 'short', hour: 'numeric', hourCycle: 'h23' })
  const known = new Map<number, number>()
  return {
    name,
    weekHour(time) {
      const slot = Math.floor(time / halfHour)
      const before = known.get(slot)
      if (before !== undefined) return before
      if (known.size >= mostCached) known.clear()
      const parts = format.formatToParts(slot * halfHour)
      const part = (type: string) => parts.find((p) => p.type === type)?.value ?? ''
      const found = weekdays.indexOf(part('weekday')) * 24 + Number(part('hour'))
      known.set(slot, found)
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

/** Before 6 o'clock. */
export const isNight = (weekHour: number): boolean => weekHour % 24 < 6
/** Saturday or Sunday. */
export const isWeekend = (weekHour: number): boolean => weekHour >= 120
