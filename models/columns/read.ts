/** A file of transactions as columns in memory: some 40 bytes a row, for training and for checks over a whole data set. */
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import type { ReplayMap, Source } from '../../infra/replay/map.ts'
import { type Row, reader } from '../../infra/replay/mapper.ts'
import { columnsOfSource } from '../../infra/replay/rows.ts'
import { timeReaderOfBytes } from '../../infra/replay/times.ts'
import { minorUnits } from '../../services/gateway/amounts.ts'
import { exponentOf } from '../../services/shared/currencies.ts'
import { AssayError } from '../../services/shared/errors.ts'
import { Transaction } from '../../services/shared/events.ts'
import type { Cells } from './csv.ts'
import { eachRow, fault, type Take } from './file.ts'
import { Grow } from './grow.ts'
import { Memory } from './memory.ts'

const day = 86_400_000

/** Text that repeats: `values[codes[row]]` is a row's; -1 stands for none. */
export type TextColumn = { codes: Int32Array; values: string[] }
export type TextField = (typeof textFields)[number]

/** Transactions in order of time. */
export type Columns = {
  rows: number
  /** Milliseconds since 1970. */
  times: Float64Array
  /** Minor units of `currency`. */
  amounts: Float64Array
  currency: string
  /** 1 where the label says fraud. */
  frauds: Uint8Array
  /** Rows whose label is inconclusive. */
  inconclusive: number[]
  /** What kind of fraud a row is, where the map says so: for reports only. */
  fraudKinds: TextColumn | undefined
  /** Milliseconds after its transaction at which a label is known; undefined without labels. */
  labelDelay: number | undefined
  texts: Map<TextField, TextColumn>
  /** Degrees, NaN where the row has none; undefined where the map names no place. */
  lat: Float64Array | undefined
  lon: Float64Array | undefined
  idAt(row: number): string
}

/** What features are made of, beside id, time, amount and place. */
const textFields = [
  'customer',
  'instrument',
  'counterparty',
  'device',
  'ip',
  'category',
  'country',
  'channel',
  'kind',
  'direction',
  'entryMode',
  'response',
  'originalId',
] as const

/** Ids differ from row to row: the bytes of the cells, or the whole ids, lie one after the other. */
class Ids {
  #bytes = Buffer.alloc(65_536)
  #length = 0
  readonly #ends = new Grow((n) => new Float64Array(n))

  /** Whether it has no other characters than printable ones without blanks; others are not taken. */
  push(bytes: Uint8Array, start: number, end: number): boolean {
    if (end <= start || end - start > 64) return false
    if (this.#length + 64 > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], 2 * this.#bytes.length)
    const kept = this.#bytes
    let to = this.#length
    for (let i = start; i < end; i++) {
      const c = bytes[i]
      if (c < 33 || c > 126) return false
      kept[to++] = c
    }
    this.#length = to
    this.#ends.push(to)
    return true
  }

  reader(): (row: number) => string {
    const bytes = this.#bytes
    const ends = this.#ends.values
    return (row) => bytes.toString('latin1', row === 0 ? 0 : ends[row - 1], ends[row])
  }
}

/** The row that is being read. */
type Current = { cells: Cells; row: Row; placeOf: (column: string) => number }
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

type Column = { push: Take; finish(): void }

function textColumn(field: TextField, source: Source, current: Current, to: Columns): Column {
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

function numberColumn(field: 'lat' | 'lon', source: Source, current: Current, to: Columns): Column {
  const read = valueReader(`place.${field}`, { ...source, type: 'number' }, current)
  const values = new Grow((n) => new Float64Array(n))
  return {
    push: (line) => values.push((read(line) as number | undefined) ?? Number.NaN),
    finish: () => {
      to[field] = values.values
    },
  }
}

function idColumn(source: Source, current: Current, to: Columns): Column {
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

function timeColumn(source: Source, { cells, placeOf }: Current, to: Columns): Column {
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

function amountColumn(source: Source, current: Current, to: Columns): Column {
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
function labelColumn({ label }: ReplayMap, current: Current, to: Columns): Column {
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

function fraudKindColumn(column: string, current: Current, to: Columns): Column {
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

/** What a map must say beyond what a replay needs. */
function checkColumns({ currency, time }: ReplayMap['transaction']): void {
  if (typeof currency.constant !== 'string')
    throw new AssayError('map_invalid', 'The currency must be a constant: sums are over amounts of one currency')
  if (time.column === undefined || time.format === undefined)
    throw new AssayError('map_invalid', 'The time must come from one column, with its format')
}

/**
 * Reads a file of transactions, CSV or NDJSON, plain or gzip, by a map. They must be in order of time and of one currency. `progress` is
 * called now and then with the rows so far. Throws with the path and the line of the first row that is not right.
 */
export async function readColumns(path: string, map: ReplayMap, progress: (rows: number) => void = () => undefined): Promise<Columns> {
  const { transaction: sources, label } = map
  checkColumns(sources)
  const fields = ['id', 'time', 'amount', 'place.lat', 'place.lon', ...textFields].filter((field) => sources[field])
  const needed = [
    ...new Set([
      ...fields.flatMap((field) => columnsOfSource(sources[field])),
      ...(label ? [label.column, ...(label.kind ? [label.kind] : [])] : []),
    ]),
  ]
  const none = new Float64Array(0)
  const columns: Columns = {
    rows: 0,
    times: none,
    amounts: none,
    currency: String(sources.currency.constant),
    frauds: new Uint8Array(0),
    inconclusive: [],
    fraudKinds: undefined,
    labelDelay: label && label.delayDays * day,
    texts: new Map(),
    lat: undefined,
    lon: undefined,
    idAt: () => '',
  }
  const parts: Column[] = []
  await eachRow(path, map, needed, (cells, placeOf) => {
    const current: Current = { cells, placeOf, row: (column) => cells.textAt(placeOf(column)) || undefined }
    parts.push(idColumn(sources.id, current, columns))
    parts.push(timeColumn(sources.time, current, columns))
    parts.push(amountColumn(sources.amount, current, columns))
    parts.push(labelColumn(map, current, columns))
    if (label?.kind) parts.push(fraudKindColumn(label.kind, current, columns))
    for (const field of textFields) if (sources[field]) parts.push(textColumn(field, sources[field], current, columns))
    for (const field of ['lat', 'lon'] as const)
      if (sources[`place.${field}`]) parts.push(numberColumn(field, sources[`place.${field}`], current, columns))
    let rows = 0
    return (line) => {
      for (const part of parts) part.push(line)
      rows++
      if (rows % 20_000 === 0) progress(rows)
    }
  })
  for (const part of parts) part.finish()
  return columns
}

/** Units of the currency in which people count: 100 cents for EUR. */
export const unitOf = ({ currency }: Columns): number => 10 ** exponentOf(currency)
