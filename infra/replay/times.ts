/** Times as files write them, by a pattern and in a zone. */
import { AssayError } from '../../services/shared/errors.ts'

const parts: Record<string, string> = { yyyy: 'year', MM: 'month', dd: 'day', HH: 'hour', mm: 'minute', ss: 'second', SSS: 'fraction' }

/** Offset of a zone from UTC at an instant, in milliseconds. */
function offsetIn(zone: Intl.DateTimeFormat, instant: number): number {
  const at = Object.fromEntries(zone.formatToParts(instant).map((p) => [p.type, Number(p.value)]))
  const whole = Math.floor(instant / 1000) * 1000
  return Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute, at.second) - whole
}

const numbers = {
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
  hourCycle: 'h23',
} as const

/**
 * Makes a reader of times: text to milliseconds since 1970, or undefined where it does not fit or does not exist. `format` is rfc3339,
 * epoch-seconds, epoch-milliseconds, or a pattern of yyyy MM dd HH mm ss SSS. An hour that a zone has twice is the first of the two.
 */
export function timeReader(format: string, zone = 'UTC'): (text: string) => number | undefined {
  const finite = (n: number) => (Number.isFinite(n) && Math.abs(n) < 8.64e15 ? n : undefined)
  if (format === 'rfc3339') return (text) => (/T.*(Z|[+-]\d\d:\d\d)$/.test(text) ? finite(Date.parse(text)) : undefined)
  if (format.startsWith('epoch-')) {
    const factor = { 'epoch-seconds': 1000, 'epoch-milliseconds': 1 }[format]
    if (factor === undefined) throw new AssayError('map_invalid', `'${format}' is not a format of time`)
    return (text) => (/^\d{1,16}(\.\d+)?$/.test(text) ? finite(Math.round(Number(text) * factor)) : undefined)
  }
  const names: string[] = []
  const pattern = format.replace(/yyyy|MM|dd|HH|mm|ss|SSS|[.*+?^${}()|[\]\\]/g, (token) => {
    if (!parts[token]) return `\\${token}`
    names.push(parts[token])
    return `(\\d{${token.length}})`
  })
  for (const name of ['year', 'month', 'day'])
    if (!names.includes(name)) throw new AssayError('map_invalid', `the format '${format}' has no ${name}`)
  const form = new RegExp(`^${pattern}$`)
  const inZone = zone === 'UTC' ? undefined : new Intl.DateTimeFormat('en', { timeZone: zone, ...numbers })
  return (text) => {
    const found = form.exec(text)
    if (!found) return undefined
    const at: Record<string, number> = { hour: 0, minute: 0, second: 0, fraction: 0 }
    names.forEach((name, i) => {
      at[name] = Number(found[i + 1])
    })
    const local = Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute, at.second, at.fraction)
    const date = new Date(local)
    const exists =
      date.getUTCMonth() === at.month - 1 &&
      date.getUTCDate() === at.day &&
      date.getUTCHours() === at.hour &&
      at.minute < 60 &&
      at.second < 60
    if (!exists) return undefined
    if (!inZone) return local
    const candidates = [offsetIn(inZone, local - 86_400_000), offsetIn(inZone, local + 86_400_000)].map((offset) => local - offset)
    const fitting = candidates.filter((instant) => instant + offsetIn(inZone, instant) === local)
    return fitting.length > 0 ? Math.min(...fitting) : undefined
  }
}
