/** Times as files write them, by a pattern and in a zone. */
import { AssayError } from '../../services/shared/errors.ts'

const tokens = ['yyyy', 'MM', 'dd', 'HH', 'mm', 'ss', 'SSS']

/** Stands for a digit in a pattern. */
const digit = '\u0000'

/** Where the day begins in UTC; undefined for a day that does not exist. */
function midnightOf(year: number, month: number, day: number): number | undefined {
  const date = new Date(Date.UTC(year, month - 1, day))
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.getTime() : undefined
}

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
  const fields: { part: number; at: number; end: number }[] = []
  // What is not a number is there as it is.
  const pattern = format.replace(/yyyy|MM|dd|HH|mm|ss|SSS/g, (token, at: number) => {
    fields.push({ part: tokens.indexOf(token), at, end: at + token.length })
    return digit.repeat(token.length)
  })
  for (const [part, name] of ['year', 'month', 'day'].entries())
    if (!fields.some((f) => f.part === part)) throw new AssayError('map_invalid', `the format '${format}' has no ${name}`)
  const inZone = zone === 'UTC' ? undefined : new Intl.DateTimeFormat('en', { timeZone: zone, ...numbers })
  const literals = Uint16Array.from(pattern, (character) => character.charCodeAt(0))
  const parts = new Int32Array(tokens.length)
  let lastDate = -1
  let midnight: number | undefined
  return (text) => {
    if (text.length !== literals.length) return undefined
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i)
      if (literals[i] === 0 ? c < 48 || c > 57 : c !== literals[i]) return undefined
    }
    for (let f = 0; f < fields.length; f++) {
      const { part, at, end } = fields[f]
      let value = 0
      for (let i = at; i < end; i++) value = value * 10 + text.charCodeAt(i) - 48
      parts[part] = value
    }
    if (parts[3] > 23 || parts[4] > 59 || parts[5] > 59) return undefined
    const date = (parts[0] * 16 + parts[1]) * 32 + parts[2]
    if (date !== lastDate) {
      lastDate = date
      midnight = midnightOf(parts[0], parts[1], parts[2])
    }
    if (midnight === undefined) return undefined
    const local = midnight + ((parts[3] * 60 + parts[4]) * 60 + parts[5]) * 1000 + parts[6]
    if (!inZone) return local
    const candidates = [offsetIn(inZone, local - 86_400_000), offsetIn(inZone, local + 86_400_000)].map((offset) => local - offset)
    const fitting = candidates.filter((instant) => instant + offsetIn(inZone, instant) === local)
    return fitting.length > 0 ? Math.min(...fitting) : undefined
  }
}
