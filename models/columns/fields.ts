/** How each field of a transaction becomes a column: a reader of one row, which appends to what it gathers until the file ends. */
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import type { ReplayMap, Source } from '../../infra/replay/map.ts'
import { type Row, reader } from '../../infra/replay/mapper.ts'
import { columnsOfSource } from '../../infra/replay/rows.ts'
import { timeReaderOfBytes } from '../../infra/replay/times.ts'
import { minorUnits } from '../../services/gateway/amounts.ts'
import { Transaction } from '../../services/shared/events.ts'
import type { Columns, TextField } from './columns.ts'
import type { Cells } from './csv.ts'
import { fault, type Take } from './file.ts'
import { Grow } from './grow.ts'
import { Ids } from './ids.ts'
import { Memory } from './memory.ts'

/** The row that is being read. */
export type Current = { cells: Cells; row: Row; placeOf: (column: string) => number }
type Read<T> = (line: number) => T

/** Reads a source of one column again only where its cell was not met before. */
function remember<T>(source: Source, { cells, placeOf }: Current, read: Read<T>, most?: number): Read<T> {
  const [column, ...others] = columnsOfSource(source)
  if (others.length > 0) return read
  if (column === undefined) {
    const value = read(1)
    return () => value
  }
  const memory = new Memory<T>(most)
  const place = placeOf(column)
  return (line) => memory.valueOf(cells, place, read, line)
}

/** What the source of a field says of the row; undefined for nothing. */
function valueReader(field: string, source: Source, { row }: Current): Read<unknown> {
  const read = reader(field, source)
  return (line) => {
    const result = read(row)
    if (result && 'reason' in result) throw fault(line, result.reason)
    return result?.value
  }
}

export type Column = { push: Take; finish(): void }

export function textColumn(field: TextField, source: Source, current: Current, to: Columns): Column {
  const read = valueReader(field, source, current)
  const schema = Compile(Transaction.properties[field] as TSchema)
  const codes = new Grow((n) => new Int32Array(n))
  const codeOf = new Map<string, number>()
  const code = remember(source, current, (line) => {
    const value = read(line)
    if (value === undefined) return -1
    if (!schema.Check(value)) throw fault(line, `${field} cannot be '${String(value).slice(0, 40)}'`)
    const known = codeOf.get(value as string)
    if (known !== undefined) return known
    codeOf.set(value as string, codeOf.size)
    return codeOf.size - 1
  })
  return {
    push: (line) => codes.push(code(line)),
    finish: () => void to.texts.set(field, { codes: codes.values, values: [...codeOf.keys()] }),
  }
}

export function numberColumn(field: 'lat' | 'lon', source: Source, current: Current, to: Columns): Column {
  const read = valueReader(`place.${field}`, { ...source, type: 'number' }, current)
  const values = new Grow((n) => new Float64Array(n))
  return {
    push: (line) => values.push((read(line) as number | undefined) ?? Number.NaN),
    finish: () => {
      to[field] = values.values
    },
  }
}

export function idColumn(source: Source, current: Current, to: Columns): Column {
  const { cells, row, placeOf } = current
  const ids = new Ids()
  const [column, ...others] = columnsOfSource(source)
  const isOne = column !== undefined && others.length === 0
  const place = isOne ? placeOf(column) : -1
  const read = reader('id', source)
  const idOf = (of: Row): string => {
    const result = read(of)
    return result && 'value' in result ? String(result.value) : ''
  }
  return {
    push(line) {
      const whole = isOne ? undefined : Buffer.from(idOf(row))
      const fits = whole ? ids.push(whole, 0, whole.length) : ids.push(cells.bytes, cells.starts[place], cells.ends[place])
      if (!fits) throw fault(line, `id: '${idOf(row).slice(0, 70)}' is not 1 to 64 printable characters without blanks`)
    },
    finish: () => {
      const kept = ids.reader()
      to.idAt = isOne ? (r) => idOf(() => kept(r)) : kept
    },
  }
}

export function timeColumn(source: Source, { cells, placeOf }: Current, to: Columns): Column {
  const place = placeOf(source.column as string)
  const read = timeReaderOfBytes(source.format as string, source.zone)
  const times = new Grow((n) => new Float64Array(n))
  let before = Number.NEGATIVE_INFINITY
  return {
    push(line) {
      cells.trim(place)
      const time = read(cells.bytes, cells.starts[place], cells.ends[place])
      if (time === undefined) throw fault(line, `time: '${cells.textAt(place).slice(0, 40)}' is not a time of the form ${source.format}`)
      if (time < before) throw fault(line, `time: ${cells.textAt(place)} is before that of the row above; sort the file by time`)
      before = time
      times.push(time)
    },
    finish: () => {
      to.times = times.values
      to.rows = times.length
    },
  }
}

const mostAmounts = 100_000

export function amountColumn(source: Source, current: Current, to: Columns): Column {
  const read = valueReader('amount', source, current)
  const amounts = new Grow((n) => new Float64Array(n))
  const amount = remember(
    source,
    current,
    (line) => {
      const given = read(line) ?? ''
      const units = minorUnits(given, to.currency)
      if (typeof units === 'string') throw fault(line, `amount: '${String(given).slice(0, 40)}' ${units}`)
      return units
    },
    mostAmounts,
  )
  return {
    push: (line) => amounts.push(amount(line)),
    finish: () => {
      to.amounts = amounts.values
    },
  }
}

/** What the label of a row says; nothing without labels in the map. */
export function labelColumn({ label }: ReplayMap, current: Current, to: Columns): Column {
  const frauds = new Grow((n) => new Uint8Array(n))
  const said = label
    ? remember({ column: label.column }, current, () => {
        const text = current.row(label.column)?.trim() ?? ''
        return Object.hasOwn(label.values, text) ? label.values[text] : undefined
      })
    : () => undefined
  return {
    push(line) {
      const value = said(line)
      if (value === 'inconclusive') to.inconclusive.push(frauds.length)
      frauds.push(value === 'fraud' ? 1 : 0)
    },
    finish: () => {
      to.frauds = frauds.values
    },
  }
}

export function fraudKindColumn(column: string, current: Current, to: Columns): Column {
  const codes = new Grow((n) => new Int32Array(n))
  const codeOf = new Map<string, number>()
  const code = remember({ column }, current, () => {
    const text = current.row(column)?.trim() ?? ''
    if (text === '') return -1
    const known = codeOf.get(text) ?? codeOf.size
    codeOf.set(text, known)
    return known
  })
  return {
    push: (line) => codes.push(code(line)),
    finish: () => {
      to.fraudKinds = { codes: codes.values, values: [...codeOf.keys()] }
    },
  }
}
