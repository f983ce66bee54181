/** Rows of a file, as a stream: CSV or NDJSON, plain or gzip, each with its line number. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { type CsvError, parse } from 'csv-parse'
import { parseJson } from '../../services/gateway/json.ts'
import { linesOf } from '../../services/gateway/lines.ts'
import { AssayError, messageOf } from '../../services/shared/errors.ts'
import type { ReplayMap, Source } from './map.ts'
import type { Row } from './mapper.ts'

/** `source` is what is shown of a row that is rejected. */
export type FileRow = { line: number; source: unknown; row: Row } | { line: number; source: unknown; fault: string }

export const longestRow = 65_536

/** The bytes of a file; gzip is known by its first two bytes, not by its name. */
export async function openFile(path: string): Promise<Readable> {
  const file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
  await file.close()
  const stream = createReadStream(path, { highWaterMark: 262_144 })
  const isGzip = bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  // The reader sees an error of either stream, so there is nothing left for the callback to do.
  return isGzip ? pipeline(stream, createGunzip(), () => undefined) : stream
}

async function* csvRows(file: Readable, map: ReplayMap): AsyncGenerator<FileRow> {
  const skipped: FileRow[] = []
  const parser = parse({
    delimiter: map.delimiter ?? ',',
    encoding: map.encoding ?? 'utf8',
    bom: true,
    info: true,
    relax_column_count: true,
    // A stray quotation mark stays a character of its own row, and does not swallow those that follow.
    relax_quotes: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: longestRow,
    on_skip: (error: CsvError | undefined) => {
      skipped.push({ line: Number(error?.lines ?? 0), source: null, fault: `is not CSV: ${messageOf(error).slice(0, 200)}` })
    },
  })
  const rows = pipeline(file, parser, () => undefined)
  let header: Map<string, number> | undefined
  const used = [...columnsOf(map)]
  for await (const { record, info } of rows as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
    yield* skipped.splice(0)
    if (!header) {
      header = new Map(record.map((name, i) => [name.trim(), i]))
      const missing = used.filter((name) => !header?.has(name))
      if (missing.length > 0)
        throw new AssayError(
          'map_invalid',
          `The map names ${missing.join(', ')}, but the file's columns are ${record.join(', ').slice(0, 500)}`,
        )
      continue
    }
    const { size } = header
    const places = header
    if (record.length !== size) yield { line: info.lines, source: record, fault: `has ${record.length} columns, not ${size}` }
    else if (record.some((cell) => cell.includes('\uFFFD'))) yield { line: info.lines, source: record, fault: 'is not UTF-8' }
    else yield { line: info.lines, source: record, row: (column) => record[places.get(column) as number] }
  }
  yield* skipped
  if (!header) throw new AssayError('file_empty', 'The file is empty; a CSV file begins with the names of its columns')
}

/** The columns that a source names. */
export const columnsOfSource = ({ column, template }: Source): string[] => [
  ...(column === undefined ? [] : [column]),
  ...[...(template ?? '').matchAll(/\{([^{}]+)\}/g)].map((m) => m[1]),
]

const columnsOf = (map: ReplayMap): Set<string> => {
  const columns = Object.values(map.transaction).flatMap(columnsOfSource)
  return new Set(map.label ? [...columns, map.label.column] : columns)
}

const textAt = (value: unknown, path: string): string | undefined => {
  let inner = value
  for (const name of path.split('.')) {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, name)) return undefined
    inner = (inner as Record<string, unknown>)[name]
  }
  return inner === null || inner === undefined || typeof inner === 'object' ? undefined : String(inner)
}

async function* jsonRows(file: Readable): AsyncGenerator<FileRow> {
  for await (const lines of linesOf(file, { longestLine: longestRow, mostLines: 1000 })) {
    for (const { number: line, bytes } of lines) {
      if (!bytes) {
        yield { line, source: null, fault: `has more than ${longestRow} bytes` }
        continue
      }
      try {
        const { value } = parseJson(bytes)
        if (typeof value !== 'object' || value === null) throw new AssayError('not_json', 'is not a JSON object')
        yield { line, source: value, row: (column) => textAt(value, column) }
      } catch (error) {
        yield { line, source: bytes.toString('latin1').slice(0, 1000), fault: messageOf(error) }
      }
    }
  }
}

/** Reads a file row by row. Throws when it cannot be read to its end or lacks a column that the map names. */
export async function* rowsOf(path: string, map: ReplayMap): AsyncGenerator<FileRow> {
  const file = await openFile(path)
  yield* map.format === 'csv' ? csvRows(file, map) : jsonRows(file)
}
