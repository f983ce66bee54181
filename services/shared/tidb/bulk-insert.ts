/**
 * Inserts of many rows by prepared statements whose parameters are written straight into one buffer, in the binary protocol's own types.
 * mysql2 makes an object and a text of every number that it sends, and numbers that come as text are parsed again by the database.
 */
import type { PoolConnection } from 'mysql2/promise'
import { type Core, coreOf, flagsOf, type Result, sendAtOnce } from './pipelined.ts'

/** Types of the protocol (`enum_field_types`), as columns want them. */
const types = { integer: 0x08, double: 0x05, bytes: 0xfc, text: 0xfd } as const
export type ColumnType = keyof typeof types

const executeStatement = 0x17
const parameterCountAvailable = 0x08
const queryAttributes = 1 << 27
const headerBytes = 14
/** Bytes that are kept from one call to the next: more than 512 ordinary rows take. */
const mostKept = 1 << 20

/** Rows of one statement: few sizes, so that few are prepared, and near enough to each other that three statements hold most batches. */
const sizes = [512, 448, 384, 320, 256, 224, 192, 160, 128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1]

/** Where the parameters of a row are written, in the order of the columns, each by the method of its column's type, or a text where its bytes are wanted. None can be NULL. */
export class Parameters {
  #buffer = Buffer.allocUnsafeSlow(mostKept)
  #begin = 0
  #at = 0

  /** Writes over what was written so far. */
  reset(): void {
    this.#at = 0
    if (this.#buffer.length > mostKept) this.#buffer = Buffer.allocUnsafeSlow(mostKept)
  }

  /** Begins a statement of `rows` rows. */
  begin(id: number, rows: number, columns: readonly ColumnType[], withCount: boolean): void {
    const count = rows * columns.length
    const bitmap = (count + 7) >> 3
    this.#begin = this.#at
    this.#room(headerBytes + 9 + bitmap + 1 + count * 3)
    const buffer = this.#buffer
    const at = this.#begin
    buffer[at + 4] = executeStatement
    buffer.writeUInt32LE(id, at + 5)
    buffer[at + 9] = withCount ? parameterCountAvailable : 0
    buffer.writeUInt32LE(1, at + 10)
    this.#at = at + headerBytes
    if (withCount) this.#length(count)
    buffer.fill(0, this.#at, this.#at + bitmap)
    this.#at += bitmap
    buffer[this.#at++] = 1
    for (let row = 0; row < rows; row++)
      for (let c = 0; c < columns.length; c++) {
        buffer[this.#at++] = types[columns[c]]
        buffer[this.#at++] = 0
        // The empty name of a parameter.
        if (withCount) buffer[this.#at++] = 0
      }
  }

  /** A whole number of at most 53 bits. */
  integer(value: number): void {
    this.#room(8)
    const buffer = this.#buffer
    const low = value >>> 0
    const high = Math.floor(value / 4_294_967_296)
    let at = this.#at
    buffer[at++] = low
    buffer[at++] = low >>> 8
    buffer[at++] = low >>> 16
    buffer[at++] = low >>> 24
    buffer[at++] = high
    buffer[at++] = high >>> 8
    buffer[at++] = high >>> 16
    buffer[at++] = high >> 24
    this.#at = at
  }

  double(value: number): void {
    this.#room(8)
    this.#at = this.#buffer.writeDoubleLE(value, this.#at)
  }

  bytes(value: Buffer): void {
    this.#room(9 + value.length)
    this.#length(value.length)
    this.#buffer.set(value, this.#at)
    this.#at += value.length
  }

  text(value: string): void {
    this.#room(9 + 3 * value.length)
    const buffer = this.#buffer
    const begin = this.#at
    // Most are short and ASCII: writing them here costs less than asking how many bytes they are, and then for those.
    if (value.length < 64) {
      let at = begin
      buffer[at++] = value.length
      let all = 0
      for (let i = 0; i < value.length; i++) {
        const c = value.charCodeAt(i)
        all |= c
        buffer[at++] = c
      }
      this.#at = at
      if (all < 128) return
      this.#at = begin
    }
    this.#length(Buffer.byteLength(value))
    this.#at += buffer.write(value, this.#at)
  }

  /** The statement's packet as it goes out. */
  packet(): Buffer {
    return this.#buffer.subarray(this.#begin, this.#at)
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    // Packets that are finished stay where they are.
    const grown = Buffer.allocUnsafeSlow(2 * (this.#at + bytes))
    grown.set(this.#buffer.subarray(this.#begin, this.#at), this.#begin)
    this.#buffer = grown
  }

  /** A length as the protocol encodes it. */
  #length(n: number): void {
    const buffer = this.#buffer
    if (n < 251) {
      buffer[this.#at++] = n
      return
    }
    const bytes = n < 65_536 ? 2 : 3
    buffer[this.#at++] = bytes === 2 ? 0xfc : 0xfd
    buffer.writeUIntLE(n, this.#at, bytes)
    this.#at += bytes
  }
}

/** What a connection keeps: its prepared statements by their rows, and the buffer of those that are on their way. */
type OfConnection = { statements: Map<number, number>; parameters: Parameters }

/**
 * Inserts rows in their order, by as few statements as there are sizes for, all sent at once; the next call on a connection waits until this one resolves.
 * `before` goes out ahead of them, a statement whose result it resolves to: the rows are inserted whatever that is.
 */
export type BulkInsert<Row, Common> = (
  connection: PoolConnection,
  rows: readonly Row[],
  common: Common,
  before?: string,
) => Promise<Result | undefined>

/** Makes the insert of rows into a table. `write` gives a row's parameters in the order of `columns`; `common` is what the rows of a call share. */
export function bulkInsert<Row, Common>(
  table: string,
  columns: Readonly<Record<string, ColumnType>>,
  write: (to: Parameters, row: Row, common: Common) => void,
): BulkInsert<Row, Common> {
  const names = Object.keys(columns)
  const columnTypes = Object.values(columns)
  const head = `INSERT INTO ${table} (${names.join(', ')}) VALUES `
  const places = `(${names.map(() => '?').join(',')}),`
  const connections = new WeakMap<Core, OfConnection>()

  const stateOf = (core: Core): OfConnection => {
    const known = connections.get(core)
    if (known) return known
    const made = { statements: new Map<number, number>(), parameters: new Parameters() }
    connections.set(core, made)
    return made
  }
  const prepare = async (core: Core, statements: Map<number, number>, rows: number): Promise<number> => {
    const known = statements.get(rows)
    if (known !== undefined) return known
    const statement = await new Promise<{ id: number }>((resolve, reject) => {
      core.prepare(head + places.repeat(rows).slice(0, -1), (error, made) => (error ? reject(error) : resolve(made)))
    })
    statements.set(rows, statement.id)
    return statement.id
  }

  return async function insert(connection, rows, common, before) {
    const core = coreOf(connection)
    const { statements, parameters } = stateOf(core)
    const withCount = (flagsOf(core) & queryAttributes) !== 0
    const sent: (string | Buffer)[] = before === undefined ? [] : [before]
    parameters.reset()
    for (let from = 0; from < rows.length; ) {
      const n = sizes.find((size) => size <= rows.length - from) as number
      parameters.begin(await prepare(core, statements, n), n, columnTypes, withCount)
      for (let i = from; i < from + n; i++) write(parameters, rows[i], common)
      sent.push(parameters.packet())
      from += n
    }
    if (sent.length === 0) return undefined
    const [first] = await sendAtOnce(core, before === undefined ? head : `${before}; ${head}`, sent)
    return before === undefined ? undefined : first
  }
}
