/** A data set's own features, folded by a profile from its transactions, beside those that were published for some of them. */

import type { Columns } from '../../models/columns/columns.ts'
import type { ColumnFeature, FeatureProfile } from '../../models/columns/feature-profile.ts'
import { createColumnFold } from '../../models/columns/fold.ts'
import { readColumns } from '../../models/columns/read.ts'
import { createServingFold } from '../../models/columns/serving.ts'
import { indexOf, width } from '../../models/fold/features.ts'
import type { ReplayMap } from '../replay/map.ts'
import { approximated, exactOf } from './approximated.ts'
import { type Published, readPublished } from './published.ts'
import { type Spread, spreadOf } from './spread.ts'

/** A row in which a feature differs. */
type Difference = { id: string; published: number; ours: number }
export type FeatureDifference = { name: string; rows: number; differing: number; largest: number; first: Difference[] }
export type Compared = {
  /** Transactions folded, how many of them have published features, and how many of those are of no transaction of the file. */
  rows: number
  rowsCompared: number
  rowsMissing: number
  /** Rows that differ in a feature of the card (customer, instrument), of the terminal (counterparty, device, IP), or of time alone. */
  cardRowsDiffering: number
  terminalRowsDiffering: number
  calendarRowsDiffering: number
  /** Transactions in a second of CPU time of all threads, reading included: with the profile, and with all features that serve. */
  foldPerSecond: number
  foldAllPerSecond: number
  seconds: number
  features: FeatureDifference[]
  /** Relative errors of what the counters that serve approximate, over the compared rows; of counts under 1 the differences. */
  counters: Record<string, Spread>
}

type Given = {
  transactions: string
  published: readonly string[]
  map: ReplayMap
  profile: FeatureProfile
  progress(text: string): void
}

const tolerance = 1e-6
/** What is left of sums to which floating-point numbers were added and from which they were taken away again is no difference. */
const residue = 1e-9
const mostShown = 5
const groups = {
  customer: 'card',
  instrument: 'card',
  counterparty: 'terminal',
  device: 'terminal',
  ip: 'terminal',
  transaction: 'calendar',
} as const

/** Seconds of CPU time, all threads of this process together, until it is called. */
function cpuClock(): () => number {
  const began = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(began)
    return (user + system) / 1e6
  }
}

/** Folds all rows and keeps what the rows of `kept` (1 for each that is) have. */
function foldAll(
  rows: number,
  kept: Uint8Array,
  size: number,
  fold: (row: number, out: Float32Array, start: number) => void,
  progress: (row: number) => void,
): Float32Array {
  // A row that is not kept is written over by the next.
  const out = new Float32Array((kept.reduce((n, one) => n + one, 0) + 1) * size)
  let at = 0
  for (let row = 0; row < rows; row++) {
    fold(row, out, at)
    if (kept[row] === 1) at += size
    if (row % 50_000 === 0) progress(row)
  }
  return out
}

/** For each compared row, in the file's order, its row and that of what was published. */
function join(columns: Columns, { rowOf }: Published): { row: number; published: number }[] {
  const pairs: { row: number; published: number }[] = []
  for (let row = 0; row < columns.rows; row++) {
    const published = rowOf.get(columns.idAt(row))
    if (published !== undefined) pairs.push({ row, published })
  }
  return pairs
}

function differences(
  columns: Columns,
  features: readonly ColumnFeature[],
  pairs: ReturnType<typeof join>,
  published: Float64Array,
  ours: Float32Array,
) {
  const found = features.map(({ name }): FeatureDifference => ({ name, rows: pairs.length, differing: 0, largest: 0, first: [] }))
  const rowsDiffering = { card: 0, terminal: 0, calendar: 0 }
  pairs.forEach(({ row, published: p }, i) => {
    const groupsDiffering = new Set<keyof typeof rowsDiffering>()
    features.forEach((feature, f) => {
      const theirs = published[p * features.length + f]
      const own = ours[i * features.length + f]
      const difference = Math.abs(theirs - own)
      if (difference > found[f].largest) found[f].largest = difference
      if (difference <= Math.max(residue, tolerance * Math.max(Math.abs(theirs), Math.abs(own)))) return
      found[f].differing++
      groupsDiffering.add(groups[feature.entity])
      if (found[f].first.length < mostShown) found[f].first.push({ id: columns.idAt(row), published: theirs, ours: own })
    })
    for (const group of groupsDiffering) rowsDiffering[group]++
  })
  return { found, rowsDiffering }
}

/** The errors of the counters in the compared rows. */
function counterErrors(serving: Float32Array, exact: Float32Array, compared: number): Record<string, Spread> {
  return Object.fromEntries(
    approximated.map(({ name, least }, a) => {
      const at = indexOf(`counterparty_${name}`)
      const errors = Float64Array.from({ length: compared }, (_, i) => {
        const right = exact[i * approximated.length + a]
        return Math.abs(serving[i * width + at] - right) / Math.max(least, right)
      })
      return [name, spreadOf(errors)]
    }),
  )
}

/** Reads, folds and compares. Throws with the file and the line where one is not right. */
export async function compareFeatures({ transactions, published: paths, map, profile, progress }: Given): Promise<Compared> {
  const began = Date.now()
  const readTime = cpuClock()
  const columns = await readColumns(transactions, map, (n) => progress(`${n} transactions read`))
  const reading = readTime()
  const { rows } = columns
  const own = createColumnFold(columns, profile)
  progress('reading the published features')
  const published = await readPublished(
    paths,
    map,
    own.features.map((f) => f.name),
  )
  const pairs = join(columns, published)
  const kept = new Uint8Array(rows)
  for (const { row } of pairs) kept[row] = 1
  const timed = (what: string, size: number, fold: Parameters<typeof foldAll>[3]) => {
    const time = cpuClock()
    const out = foldAll(rows, kept, size, fold, (row) => progress(`${what}: ${row} of ${rows} transactions`))
    return { out, perSecond: Math.round(rows / (reading + time())) }
  }
  const ours = timed('features of the profile', own.features.length, own.fold)
  const { found, rowsDiffering } = differences(columns, own.features, pairs, published.values, ours.out)
  const serving = timed('all features that serve', width, createServingFold(columns))
  const exact = exactOf(columns)
  const counters = exact
    ? counterErrors(
        serving.out,
        foldAll(rows, kept, approximated.length, exact, () => undefined),
        pairs.length,
      )
    : {}
  return {
    rows,
    rowsCompared: pairs.length,
    rowsMissing: published.rowOf.size - pairs.length,
    cardRowsDiffering: rowsDiffering.card,
    terminalRowsDiffering: rowsDiffering.terminal,
    calendarRowsDiffering: rowsDiffering.calendar,
    foldPerSecond: ours.perSecond,
    foldAllPerSecond: serving.perSecond,
    seconds: Math.round((Date.now() - began) / 100) / 10,
    features: found,
    counters,
  }
}
