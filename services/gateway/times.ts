/** Instants and zones that exist. */

const form = /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):/

/** Milliseconds since 1970 of an RFC 3339 text, or undefined where it names a day or an hour that does not exist (30 February). */
export function instantOf(text: string): number | undefined {
  const [, year, month, date] = form.exec(text) ?? []
  if (year === undefined) return undefined
  const daysInMonth = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  const instant = Date.parse(text)
  return Number.isNaN(instant) || Number(date) > daysInMonth ? undefined : instant
}

const zones = new Map<string, boolean>()

/** Whether this is an IANA time zone. Answers are kept, since a bank's customers live in few. */
export function isZone(zone: string): boolean {
  const known = zones.get(zone)
  if (known !== undefined) return known
  let exists = true
  try {
    Intl.DateTimeFormat('en', { timeZone: zone })
  } catch {
    exists = false
  }
  if (zones.size < 2000) zones.set(zone, exists)
  return exists
}
