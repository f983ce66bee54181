/** A data set from a file of transactions: by a map of its columns and, if its features are its own, a profile. */
import { createHash } from 'node:crypto'
import type { ReplayMap } from '../../infra/replay/map.ts'
import { AssayError } from '../../services/shared/errors.ts'
import type { Columns, TextField } from '../columns/columns.ts'
import type { FeatureProfile } from '../columns/feature-profile.ts'
import { createColumnFold } from '../columns/fold.ts'
import { readColumns } from '../columns/read.ts'
import { createServingFold } from '../columns/serving.ts'
import { featureNames, featureSetHash } from '../fold/features.ts'
import { type Dataset, fraud, type LabelLog, type Segment, sources, unknown } from './dataset.ts'
import { checkMapLeaks, checkNoFuture } from './leaks.ts'
import { MatrixWriter } from './matrix.ts'
import { amountBands, newCards } from './segments.ts'

/** Features of which a data set is made: names, the hash of their definitions, and the fold that writes them. */
type Features = { names: readonly string[]; hash: string; fold(row: number, out: Float32Array, start: number): void }

function featuresOf(columns: Columns, profile: FeatureProfile | undefined): Features {
  if (!profile) return { names: featureNames, hash: featureSetHash, fold: createServingFold(columns) }
  const { features, fold } = createColumnFold(columns, profile)
  const hash = createHash('sha256').update(JSON.stringify(features)).digest('hex').slice(0, 16)
  return { names: features.map((f) => f.name), hash, fold }
}

/** Frauds and inconclusive labels, known `labelDelay` after their transactions; the others are genuine by their silence. */
function labelsOf({ rows, times, frauds, inconclusive, labelDelay }: Columns, source: number): LabelLog {
  const unclear = new Set(inconclusive)
  const labelled: number[] = []
  for (let row = 0; row < rows; row++) if (frauds[row] === 1 || unclear.has(row)) labelled.push(row)
  return {
    rows: Uint32Array.from(labelled),
    knownAt: Float64Array.from(labelled, (row) => times[row] + (labelDelay ?? 0)),
    values: Uint8Array.from(labelled, (row) => (frauds[row] === 1 ? fraud : unknown)),
    sources: new Uint8Array(labelled.length).fill(source),
  }
}

const segmentFields: readonly TextField[] = ['channel', 'country', 'category', 'kind']
/** More values than these would be no segments. */
const mostValues = 40

function segmentsOf(columns: Columns, cards: Int32Array): Segment[] {
  const { texts, fraudKinds } = columns
  const found = segmentFields.flatMap((name): Segment[] => {
    const column = texts.get(name)
    return column && column.values.length > 1 && column.values.length <= mostValues ? [{ name, ...column }] : []
  })
  if (fraudKinds) found.push({ name: 'kind of fraud', ...fraudKinds })
  return [...found, amountBands(columns.amounts, columns.currency), newCards(columns.times, cards)]
}

/** Makes the data set of columns. `progress` is called now and then with the rows so far. */
export function datasetOfColumns(
  columns: Columns,
  profile: FeatureProfile | undefined,
  description: Record<string, unknown>,
  source: number,
  progress: (rows: number) => void = () => undefined,
): Dataset {
  const { rows, times, amounts, texts } = columns
  const { names, hash, fold } = featuresOf(columns, profile)
  const owner = texts.get('customer') ?? texts.get('instrument')
  if (!owner) throw new AssayError('map_invalid', 'The map names neither a customer nor an instrument')
  const writer = new MatrixWriter(names.length)
  for (let row = 0; row < rows; row++) {
    const { out, start } = writer.row
    fold(row, out, start)
    writer.next()
    if (row % 50_000 === 0) progress(row)
  }
  const matrix = writer.finish()
  checkNoFuture(columns, names, matrix, (prefix) => featuresOf(prefix, profile).fold)
  return {
    description: { ...description, rows, currency: columns.currency, labelDelayDays: (columns.labelDelay ?? 0) / 86_400_000 },
    features: names,
    featureSet: hash,
    matrix,
    rows,
    times,
    labels: labelsOf(columns, source),
    maturity: columns.labelDelay ?? 0,
    weights: new Float32Array(rows).fill(1),
    amounts,
    cards: owner.codes,
    segments: segmentsOf(columns, owner.codes),
  }
}

/** Reads a file and makes its data set. Throws what `readColumns` throws, `labels_missing` where the map has no labels, and what the checks of `leaks.ts` throw. */
export async function datasetOfFile(
  path: string,
  map: ReplayMap,
  profile: FeatureProfile | undefined,
  report: (text: string) => void = () => undefined,
): Promise<Dataset> {
  if (!map.label) throw new AssayError('labels_missing', 'The map has no label: without one there is nothing to learn from')
  checkMapLeaks(map)
  const columns = await readColumns(path, map, (n) => report(`${n} transactions read`))
  const source = sources.indexOf(map.label.source)
  return datasetOfColumns(columns, profile, { source: 'file' }, source, (n) => report(`${n} of ${columns.rows} transactions folded`))
}
