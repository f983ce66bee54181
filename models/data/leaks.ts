/**
 * What would let a model learn from what nobody knows when it decides. Each check ends a training, since the figures of such a model are too
 * good to be true.
 */
import type { ReplayMap } from '../../infra/replay/map.ts'
import { columnsOfSource } from '../../infra/replay/rows.ts'
import { AssayError } from '../../services/shared/errors.ts'
import type { Columns } from '../columns/columns.ts'
import { auc } from '../evaluation/metrics.ts'
import { rank } from '../evaluation/ranked.ts'
import { type Dataset, fraud } from './dataset.ts'
import type { Matrix } from './matrix.ts'

/** A feature that orders the classes better than this alone is taken for the label itself. */
const mostAuc = 0.99
/** Rows of each class that tell it well enough: the error of such an AUC is below 0.002. */
const mostOfClass = { fraud: 2000, genuine: 20_000 }

/** Rows of a prefix that are folded again: enough for the longest window and the delay of the labels, if they fit in. */
const prefixRows = { fewest: 20_000, most: 100_000 }
const longestWindow = 30 * 86_400_000
const block = 1024

/** Throws `map_leaks_label` where a field of the transaction is read from the label's column, or from the one that says what kind of fraud it was. */
export function checkMapLeaks({ transaction, label }: ReplayMap): void {
  if (!label) return
  for (const [field, source] of Object.entries(transaction)) {
    const column = columnsOfSource(source).find((name) => name === label.column || name === label.kind)
    if (column !== undefined)
      throw new AssayError(
        'map_leaks_label',
        `The map takes ${field} from ${column}, which says what the transaction turned out to be: nobody knows that when it is decided. Leave the field out`,
        { details: { field, column } },
      )
  }
}

/** Throws `label_before_transaction`: the times of such labels, or of their transactions, are wrong. */
export function checkLabelTimes({ labels, times }: Pick<Dataset, 'labels' | 'times'>): void {
  let early = 0
  for (let i = 0; i < labels.rows.length; i++) if (labels.knownAt[i] < times[labels.rows[i]]) early++
  if (early > 0)
    throw new AssayError(
      'label_before_transaction',
      `${early} labels were known before their transactions happened: a feature that counts labels would tell them. Mend the times`,
      { details: { labels: early } },
    )
}

/** The first rows, with nothing of the later ones, and with labels turned round that are not known yet at the last of them. */
function prefixOf(columns: Columns, rows: number): Columns {
  const known = columns.times[rows - 1] - (columns.labelDelay ?? 0)
  const frauds = columns.frauds.slice(0, rows)
  for (let row = rows - 1; row >= 0 && columns.times[row] > known; row--) frauds[row] = 1 - frauds[row]
  const texts: Columns['texts'] = new Map()
  for (const [name, { codes, values }] of columns.texts) {
    const own = codes.subarray(0, rows)
    texts.set(name, { codes: own, values: values.slice(0, own.reduce((most, code) => Math.max(most, code), -1) + 1) })
  }
  return {
    ...columns,
    rows,
    times: columns.times.subarray(0, rows),
    amounts: columns.amounts.subarray(0, rows),
    frauds,
    inconclusive: columns.inconclusive.filter((row) => row < rows),
    texts,
    lat: columns.lat?.subarray(0, rows),
    lon: columns.lon?.subarray(0, rows),
  }
}

function rowsOfPrefix({ rows, times, labelDelay }: Columns): number {
  const end = times[0] + longestWindow + 2 * (labelDelay ?? 0)
  const filled = times.findIndex((time) => time > end)
  return Math.min(prefixRows.most, rows - 1, Math.max(prefixRows.fewest, filled < 0 ? rows >> 1 : filled))
}

type Fold = (row: number, out: Float32Array, start: number) => void

/**
 * Folds the first rows again without the later ones. Throws `feature_from_future` with the features whose values change, since
 * they look at what comes after their transaction. `matrix` has the rows as they were folded with all the others.
 */
export function checkNoFuture(columns: Columns, names: readonly string[], matrix: Matrix, foldOf: (columns: Columns) => Fold): void {
  if (columns.rows < 2) return
  const rows = rowsOfPrefix(columns)
  const fold = foldOf(prefixOf(columns, rows))
  const { width } = matrix
  const [again, before] = [new Float32Array(block * width), new Float32Array(block * width)]
  const leaking = new Map<number, number>()
  for (let from = 0; from < rows; from += block) {
    const n = Math.min(block, rows - from)
    matrix.read(from, from + n, before)
    for (let i = 0; i < n; i++) fold(from + i, again, i * width)
    for (let i = 0; i < n * width; i++)
      if (again[i] !== before[i] && !Object.is(again[i], before[i])) leaking.set(i % width, (leaking.get(i % width) ?? 0) + 1)
  }
  if (leaking.size === 0) return
  const named = [...leaking].map(([f, n]) => `${names[f]} (${n} rows)`)
  throw new AssayError(
    'feature_from_future',
    `Of the first ${rows} rows these features change when the later ones are removed: ${named.join(', ')}. They look at what is not known yet`,
    { details: { features: [...leaking.keys()].map((f) => names[f]) } },
  )
}

/** Every so-manieth of these rows, so that there are at most `most`. */
const some = (rows: readonly number[], most: number): number[] => {
  const step = Math.ceil(rows.length / most)
  return step <= 1 ? [...rows] : rows.filter((_, i) => i % step === 0)
}

/**
 * Throws `feature_leaks_label` where one feature alone separates the classes almost wholly, as a copy of the label would, unless it is among
 * `trusted`. `rows` and `labels` are those that are learnt from.
 */
export function checkSeparation(
  { matrix, features }: Pick<Dataset, 'matrix' | 'features'>,
  { rows, labels }: { rows: Uint32Array; labels: Uint8Array },
  trusted: readonly string[] = [],
): void {
  const classes = { fraud: [] as number[], genuine: [] as number[] }
  for (const row of rows) (labels[row] === fraud ? classes.fraud : classes.genuine).push(row)
  const sample = [...some(classes.fraud, mostOfClass.fraud), ...some(classes.genuine, mostOfClass.genuine)].sort((a, b) => a - b)
  const values = new Float32Array(sample.length * matrix.width)
  matrix.gather(Uint32Array.from(sample), values)
  const truth = Uint8Array.from(sample, (row) => (labels[row] === fraud ? 1 : 0))
  const found = features.flatMap((name, f) => {
    const area = auc(
      rank(
        Float32Array.from(truth, (_, i) => values[i * matrix.width + f]),
        truth,
      ),
    )
    return Math.max(area, 1 - area) > mostAuc && !trusted.includes(name) ? [{ name, area }] : []
  })
  if (found.length === 0) return
  throw new AssayError(
    'feature_leaks_label',
    `${found.map(({ name, area }) => `${name} (AUC ${Math.max(area, 1 - area).toFixed(4)})`).join(', ')} alone tells fraud from genuine: is it made from the label, or from what was done about it? If you know why it may, --trust ${found[0].name}`,
    { details: { features: found.map(({ name }) => name) } },
  )
}
