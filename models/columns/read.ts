/** Reads a file of transactions into columns. */
import type { ReplayMap } from '../../infra/replay/map.ts'
import { columnsOfSource } from '../../infra/replay/rows.ts'
import { AssayError } from '../../services/shared/errors.ts'
import { type Columns, textFields } from './columns.ts'
import {
  amountColumn,
  type Column,
  type Current,
  fraudKindColumn,
  idColumn,
  labelColumn,
  numberColumn,
  textColumn,
  timeColumn,
} from './fields.ts'
import { eachRow } from './file.ts'

const day = 86_400_000

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
