/** Features that others published for transactions, by the ids of these. */
import { eachRow, fault } from '../../models/columns/file.ts'
import type { ReplayMap } from '../replay/map.ts'
import { reader } from '../replay/mapper.ts'
import { columnsOfSource } from '../replay/rows.ts'

/** `values` holds the features of a row one after the other, rows by `rowOf`. */
export type Published = { rowOf: Map<string, number>; values: Float64Array }

/** Reads files with the columns of `names` and those of which the map makes ids. A row that comes twice is taken as it came last. */
export async function readPublished(paths: readonly string[], map: ReplayMap, names: readonly string[]): Promise<Published> {
  const rowOf = new Map<string, number>()
  const values: number[] = []
  const { id: source } = map.transaction
  const read = reader('id', source)
  for (const path of paths)
    await eachRow(path, map, [...columnsOfSource(source), ...names], (cells, placeOf) => {
      const places = names.map(placeOf)
      return (line) => {
        const id = read((column) => cells.textAt(placeOf(column)))
        if (id === undefined || 'reason' in id) throw fault(line, `id: ${id?.reason ?? 'it has none'}`)
        rowOf.set(String(id.value), values.length / names.length)
        places.forEach((place, i) => {
          const text = cells.textAt(place).trim()
          const value = Number(text)
          if (text === '' || !Number.isFinite(value)) throw fault(line, `${names[i]}: '${text.slice(0, 40)}' is not a number`)
          values.push(value)
        })
      }
    })
  return { rowOf, values: Float64Array.from(values) }
}
