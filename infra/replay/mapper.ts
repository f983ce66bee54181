/** Applies a map to a row. Pure: the same row gives the same transaction. */
import { createHash } from 'node:crypto'
import type { Label } from '../../services/shared/events.ts'
import type { ReplayMap, Source } from './map.ts'
import { timeReader } from './times.ts'

/** A row by column; absent and empty are the same. */
export type Row = (column: string) => string | undefined
export type Mapped = { fields: Record<string, unknown>; time: number; label: Omit<Label, 'tenant'> | undefined } | { reasons: string[] }

export type Reader = (row: Row) => { value: unknown } | { reason: string } | undefined

const day = 86_400_000

/** A decimal with what follows its last digit other than zero cut off: 146.500 and 146.5 are the same amount. */
const withoutTrailingZeros = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text)

/** 85.64999999999999 was 85.65 before a program multiplied it. */
const rounded = (text: string, places: number | undefined): string =>
  places !== undefined && /^\d{1,12}\.\d+$/.test(text) ? Number(text).toFixed(places) : text

function textReader(source: Source): (row: Row) => string | undefined {
  const { column, template } = source
  if (column !== undefined) return (row) => row(column)?.trim() || undefined
  const pieces = (template ?? '').split(/\{([^{}]+)\}/)
  return (row) => {
    let text = ''
    for (let i = 0; i < pieces.length; i++) {
      const piece = i % 2 === 0 ? pieces[i] : row(pieces[i])?.trim()
      if (piece === undefined || (i % 2 === 1 && piece === '')) return undefined
      text += piece
    }
    return text
  }
}

/** Makes the reader of a field: what its source says of a row, why that cannot be, or undefined where the row has nothing. */
export function reader(field: string, source: Source): Reader {
  if (source.constant !== undefined) {
    const value = source.constant
    return () => ({ value })
  }
  const text = textReader(source)
  const time = source.format === undefined ? undefined : timeReader(source.format, source.zone)
  return (row) => {
    const given = text(row)
    if (given === undefined) return undefined
    const shown = given.slice(0, 40)
    if (source.values) {
      if (!Object.hasOwn(source.values, given)) return { reason: `${field}: the map has no value for '${shown}'` }
      return { value: source.values[given] }
    }
    if (time) {
      const instant = time(given)
      return instant === undefined
        ? { reason: `${field}: '${shown}' is not a time of the form ${source.format}` }
        : { value: new Date(instant).toISOString() }
    }
    if (field === 'amount') {
      const plain = source.decimal === ',' ? given.replace(',', '.') : given
      return {
        value: source.unit === 'minor' && /^\d{1,16}$/.test(plain) ? Number(plain) : withoutTrailingZeros(rounded(plain, source.round)),
      }
    }
    if (source.type === 'number')
      return Number.isFinite(Number(given)) ? { value: Number(given) } : { reason: `${field}: '${shown}' is not a number` }
    if (source.type === 'boolean') return { value: /^(1|true|yes|y)$/i.test(given) }
    return { value: given }
  }
}

/** Names one replay's label of a transaction, the same each time. */
const labelId = (id: string): string => (id.length <= 55 ? `replayed-${id}` : createHash('sha256').update(id).digest('hex'))

/** Makes the function that turns rows into transactions, and into labels where the map says so. */
export function createMapper(map: ReplayMap): (row: Row) => Mapped {
  const readers = Object.entries(map.transaction).map(([field, source]) => ({ path: field.split('.'), read: reader(field, source) }))
  const { label } = map
  return (row) => {
    const fields: Record<string, unknown> = {}
    const reasons: string[] = []
    for (const { path, read } of readers) {
      const result = read(row)
      if (result === undefined) continue
      if ('reason' in result) {
        reasons.push(result.reason)
        continue
      }
      const [name, ...inner] = path
      if (inner.length === 0) fields[name] = result.value
      else {
        fields[name] ??= {}
        ;(fields[name] as Record<string, unknown>)[inner.join('.')] = result.value
      }
    }
    if (reasons.length > 0) return { reasons }
    const time = Date.parse(String(fields.time))
    if (Number.isNaN(time)) return { reasons: ['/time is missing'] }
    const said = label ? (row(label.column)?.trim() ?? '') : ''
    if (!label || !Object.hasOwn(label.values, said)) return { fields, time, label: undefined }
    const happenedAt = String(fields.time)
    const knownAt = new Date(time + label.delayDays * day).toISOString()
    const id = String(fields.id)
    return {
      fields,
      time,
      label: { id: labelId(id), transaction: id, value: label.values[said], source: label.source, happenedAt, knownAt },
    }
  }
}
