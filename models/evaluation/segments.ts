/** The same figures for parts of the data: channels, countries, bands of amounts, kinds of fraud. */
import { type Interval, intervalsOf, type Metric } from './bootstrap.ts'
import { auc, averagePrecision, calibrationError, meanOverBase } from './metrics.ts'
import { type Numbers, type Ranking, ranked } from './ranked.ts'

/** What rows are told apart by: the value of each row, -1 where it has none. */
type Segment = { name: string; values: readonly string[]; codes: Int32Array }
type Rows = { labels: Uint8Array; cards: Numbers; weights?: Numbers }

export type SegmentFigures = {
  segment: string
  value: string
  rows: number
  frauds: number
  /** Too few of either class for its figures to say much. */
  small: boolean
  auc: number
  ap: number
  ece: number
  meanOverBase: number
  /** Share of its frauds, and of its genuine rows, that have at least `threshold`. */
  recall: number
  falsePositives: number
  /** By card; for segments that are not small, where asked for. */
  intervals?: Record<'auc' | 'ap' | 'ece' | 'recall', Interval>
}

/** Share of the frauds that have at least that score. */
const recallFrom =
  (threshold: number): Metric =>
  ({ scores, frauds, fraud }) => {
    let found = 0
    for (let level = 0; level < scores.length && scores[level] >= threshold; level++) found += frauds[level]
    return found / fraud
  }

const metricsFrom = (threshold: number) =>
  ({ auc, ap: averagePrecision, ece: calibrationError, recall: recallFrom(threshold) }) satisfies Record<string, Metric>
/** Frauds, and genuine rows, below which a segment is small. */
export const few = 50

/** Takes a ranking apart by the code of each row, from 0 to before `count`; the order stays, nothing is sorted. */
export function split({ rows, levels, scores }: Ranking, codes: Numbers, count: number): Ranking[] {
  const sizes = new Uint32Array(count)
  for (const row of rows) if (codes[row] >= 0) sizes[codes[row]]++
  const parts = Array.from(sizes, (size) => ({ rows: new Uint32Array(size), levels: new Uint32Array(size), scores: [] as number[] }))
  const filled = new Uint32Array(count)
  rows.forEach((row, i) => {
    const code = codes[row]
    if (!(code >= 0)) return
    const part = parts[code]
    const score = scores[levels[i]]
    if (part.scores.at(-1) !== score) part.scores.push(score)
    part.rows[filled[code]] = row
    part.levels[filled[code]++] = part.scores.length - 1
  })
  return parts.map((part) => ({ ...part, scores: Float64Array.from(part.scores) }))
}

/** Whether a segment tells kinds of fraud apart: genuine rows have no value, but for frauds that nobody reported. */
function ofFrauds({ rows }: Ranking, codes: Int32Array, labels: Uint8Array): boolean {
  let frauds = 0
  let genuine = 0
  let others = 0
  for (const row of rows) {
    if (codes[row] < 0) others += 1 - labels[row]
    else if (labels[row] === 1) frauds++
    else genuine++
  }
  return frauds > genuine && others > genuine
}

/** The rows of each value. A kind of fraud is told from all that is genuine. */
export function partsOf(ranking: Ranking, { values, codes }: Segment, labels: Uint8Array): Ranking[] {
  if (!ofFrauds(ranking, codes, labels)) return split(ranking, codes, values.length)
  return values.map((_, value) => {
    const own = Int8Array.from(codes, (code, row) => (code === value || labels[row] === 0 ? 0 : -1))
    return split(ranking, own, 1)[0]
  })
}

function figuresOf(part: Ranking, rows: Rows, threshold: number): Omit<SegmentFigures, 'segment' | 'value' | 'intervals'> {
  const all = ranked(part, rows.labels, rows.weights)
  const frauds = part.rows.reduce((sum, row) => sum + rows.labels[row], 0)
  let disturbed = 0
  for (let level = 0; level < all.scores.length && all.scores[level] >= threshold; level++)
    disturbed += all.weights[level] - all.frauds[level]
  return {
    rows: part.rows.length,
    frauds,
    small: frauds < few || part.rows.length - frauds < few,
    auc: auc(all),
    ap: averagePrecision(all),
    ece: calibrationError(all),
    meanOverBase: meanOverBase(all),
    recall: recallFrom(threshold)(all),
    falsePositives: disturbed / (all.weight - all.fraud),
  }
}

/** Figures of each value of each segment that has rows; `replicates` of the bootstrap give intervals. All arrays are by the ranking's rows. */
export function segmentsOf(
  ranking: Ranking,
  rows: Rows,
  segments: readonly Segment[],
  { threshold, replicates = 0 }: { threshold: number; replicates?: number },
): SegmentFigures[] {
  return segments.flatMap((segment) =>
    partsOf(ranking, segment, rows.labels).flatMap((part, value) => {
      if (!part.rows.some((row) => segment.codes[row] === value)) return []
      const figures = { segment: segment.name, value: segment.values[value], ...figuresOf(part, rows, threshold) }
      if (figures.small || replicates === 0) return [figures]
      return [{ ...figures, intervals: intervalsOf(part, rows, metricsFrom(threshold), { replicates }) }]
    }),
  )
}
