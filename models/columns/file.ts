/** Rows of a file of a data set, one after the other. */
import type { Readable } from 'node:stream'
import type { ReplayMap } from '../../infra/replay/map.ts'
import { openFile, rowsOf } from '../../infra/replay/rows.ts'
import { AssayError, messageOf } from '../../services/shared/errors.ts'
import { Cells, createCsv } from './csv.ts'

/** Takes the row that `cells` holds at the moment. */
export type Take = (line: number) => void
/** Called once, when the places of the columns are known. */
type Begin = (cells: Cells, placeOf: (column: string) => number) => Take

/** What is wrong with a row. */
export const fault = (line: number, text: string): AssayError => new AssayError('row_invalid', `line ${line}: ${text}`)

async function eachCsvRow(file: Readable, map: ReplayMap, needed: readonly string[], begin: Begin): Promise<void> {
  const cells = new Cells(map.encoding ?? 'utf8')
  let columns = 0
  let take: Take | undefined
  const csv = createCsv(map.delimiter ?? ',', cells, (line) => {
    if (take) {
      if (cells.count !== columns) throw fault(line, `it has ${cells.count} cells, but the file has ${columns} columns`)
      take(line)
      return
    }
    columns = cells.count
    const names = Array.from({ length: columns }, (_, place) =>
      cells
        .textAt(place)
        .replace(/^\uFEFF/, '')
        .trim(),
    )
    const missing = needed.filter((name) => !names.includes(name))
    if (missing.length > 0)
      throw new AssayError('columns_missing', `there is no column ${missing.join(', ')}; its columns are ${names.join(', ').slice(0, 500)}`)
    take = begin(cells, (column) => names.indexOf(column))
  })
  for await (const bytes of file as AsyncIterable<Buffer>) csv.write(bytes)
  csv.end()
  if (!take) throw new AssayError('file_empty', 'it is empty; a CSV file begins with the names of its columns')
}

async function eachJsonRow(path: string, map: ReplayMap, needed: readonly string[], begin: Begin): Promise<void> {
  const cells = new Cells('utf8')
  const take = begin(cells, (column) => needed.indexOf(column))
  for await (const found of rowsOf(path, map)) {
    if ('fault' in found) throw fault(found.line, found.fault)
    const texts = needed.map((column) => Buffer.from(found.row(column) ?? ''))
    cells.bytes = Buffer.concat(texts)
    cells.count = 0
    let at = 0
    for (const { length } of texts) {
      cells.add(at, at + length)
      at += length
    }
    take(found.line)
  }
}

/**
 * Reads a file, CSV or NDJSON as the map says, plain or gzip, and calls for each row what `begin` returned. Throws, with the path and the
 * line, when a row is not one, the file cannot be read to its end, or a CSV file lacks a column of `needed`.
 */
export async function eachRow(path: string, map: ReplayMap, needed: readonly string[], begin: Begin): Promise<void> {
  try {
    if (map.format === 'csv') await eachCsvRow(await openFile(path), map, needed, begin)
    else await eachJsonRow(path, map, needed, begin)
  } catch (error) {
    const code = error instanceof AssayError ? error.code : 'file_unreadable'
    throw new AssayError(code, `${path}: ${messageOf(error)}`, { cause: error })
  }
}
