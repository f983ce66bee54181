/** Times as files write them, by a pattern and in a zone. */
import { AssayError } from '../../services/shared/errors.ts'

const day = 86_400_000
const halfHour = 1_800_000

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

type OfText = (text: string) => number | undefined
/** Of the bytes from `start` up to `end`. */
type OfBytes = (bytes: Uint8Array, start: number, end: number) => number | undefined

const finite = (n: number) => (Number.isFinite(n) && Math.abs(n) < 8.64e15 ? n : undefined)
const epoch =
  (factor: number): OfText =>
  (text) =>
    /^\d{1,16}(\.\d+)?$/.test(text) ? finite(Math.round(Number(text) * factor)) : undefined

const named: Record<string, OfText> = {
  rfc3339: (text) => (/T.*(Z|[+-]\d\d:\d\d)$/.test(text) ? finite(Date.parse(text)) : undefined),
  'epoch-seconds': epoch(1000),
  'epoch-milliseconds': epoch(1),
}

/** Local time, as if it were UTC, to the instant; the earlier of two, undefined for an hour that the zone leaves out. */
function instantIn(zone: string): (local: number) => number | undefined {
  if (zone === 'UTC') return (local) => local
  const format = new Intl.DateTimeFormat('en', { timeZone: zone, ...numbers })
  // Offsets change on half hours only, and rows come in order of time: asking the zone costs a hundred times what reading the row does.
  let lastSlot = Number.NaN
  let offset: number | undefined
  return (local) => {
    const slot = Math.floor(local / halfHour)
    if (slot !== lastSlot) {
      lastSlot = slot
      const fitting = [offsetIn(format, local - day), offsetIn(format, local + day)].filter((o) => offsetIn(format, local - o) === o)
      offset = fitting.length > 0 ? Math.max(...fitting) : undefined
    }
    return offset === undefined ? undefined : local - offset
  }
}

function patternReader(format: string, zone: string): OfBytes {
  if (format.startsWith('epoch-')) throw new AssayError('map_invalid', `'${format}' is not a format of time`)
  const fields: { part: number; at: number; end: number }[] = []
  // What is not a number is there as it is.
  const pattern = format.replace(/yyyy|MM|dd|HH|mm|ss|SSS/g, (token, at: number) => {
    fields.push({ part: tokens.indexOf(token), at, end: at + token.length })
    return digit.repeat(token.length)
  })
  for (const [part, name] of ['year', 'month', 'day'].entries())
    if (!fields.some((f) => f.part === part)) throw new AssayError('map_invalid', `the format '${format}' has no ${name}`)
  const instantOf = instantIn(zone)
  const literals = Buffer.from(pattern)
  const parts = new Int32Array(tokens.length)
  let lastDate = -1
  let midnight: number | undefined
  return (bytes, start, end) => {
    if (end - start !== literals.length) return undefined
    for (let i = 0; i < literals.length; i++) {
      const c = bytes[start + i]
      if (literals[i] === 0 ? c < 48 || c > 57 : c !== literals[i]) return undefined
    }
    for (let f = 0; f < fields.length; f++) {
      const { part, at, end: last } = fields[f]
      let value = 0
      for (let i = at; i < last; i++) value = value * 10 + bytes[start + i] - 48
      parts[part] = value
    }
    if (parts[3] > 23 || parts[4] > 59 || parts[5] > 59) return undefined
    const date = (parts[0] * 16 + parts[1]) * 32 + parts[2]
    if (date !== lastDate) {
      lastDate = date
      midnight = midnightOf(parts[0], parts[1], parts[2])
    }
    if (midnight === undefined) return undefined
    return instantOf(midnight + ((parts[3] * 60 + parts[4]) * 60 + parts[5]) * 1000 + parts[6])
  }
}

/**
 * Makes a reader of times: text to milliseconds since 1970, or undefined where it does not fit or does not exist. `format` is rfc3339,
 * epoch-seconds, epoch-milliseconds, or a pattern of yyyy MM dd HH mm ss SSS. An hour that a zone has twice is the first of the two.
 */
export function timeReader(format: string, zone = 'UTC'): OfText {
  if (Object.hasOwn(named, format)) return named[format]
  const read = patternReader(format, zone)
  return (text) => {
    const bytes = Buffer.from(text)
    return read(bytes, 0, bytes.length)
  }
}

/** The same for bytes of which no text need be made. */
export function timeReaderOfBytes(format: string, zone = 'UTC'): OfBytes {
  if (!Object.hasOwn(named, format)) return patternReader(format, zone)
  const read = named[format]
  return (bytes, start, end) => read(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString())
}
