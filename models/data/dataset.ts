/**
 * What a model is trained and judged on: feature vectors in order of time, and every label with the time from which it was known, so
 * that any instant's knowledge can be had. Where it comes from is in the other files of this folder.
 */
import { labelSources } from '../../services/shared/events.ts'
import { placeIn } from '../sorted.ts'
import type { Matrix } from './matrix.ts'

/** What a label says; `unknown` stands in `labelsAsKnown` for rows of which nothing is known, and for those that were inconclusive. */
export const genuine = 0
export const fraud = 1
export const unknown = 2

/** The numbers of what labels say. */
export const valueCodes = { genuine, fraud, inconclusive: unknown } as const

/** Who said it, by rising weight: where they disagree, the heavier one is believed. */
export const sources = labelSources.toReversed()

/** All labels in order of `knownAt`, some rows having several: of one source the later one holds. */
export type LabelLog = {
  rows: Uint32Array
  /** Since when it is known here, milliseconds since 1970. */
  knownAt: Float64Array
  /** `genuine`, `fraud`, or `unknown` for inconclusive. */
  values: Uint8Array
  /** Places in `sources`. */
  sources: Uint8Array
}

/** What figures are looked at by: the value of each row, -1 where it has none. */
export type Segment = { name: string; values: string[]; codes: Int32Array }

export type Dataset = {
  /** What it is and where it comes from, for the manifest and the card. */
  description: Record<string, unknown>
  features: readonly string[]
  /** The hash of the features' definitions; a model belongs to it. */
  featureSet: string
  matrix: Matrix
  rows: number
  /** Milliseconds since 1970, rising. */
  times: Float64Array
  labels: LabelLog
  /** The instant as of which labels were asked for; without one, all that there are. */
  at?: number
  /** Milliseconds after which a row without a label counts as genuine. */
  maturity: number
  /** What each row counts for when a model is fitted. */
  weights: Float32Array
  /** Minor units of the base currency. */
  amounts: Float64Array
  /** The score by which each row was decided, where it was. */
  recordedScores?: Float64Array
  /** Number of the customer, or of the instrument where no customer is named. */
  cards: Int32Array
  segments: Segment[]
  /** 1 where it truly was fraud, which only a simulation knows. */
  truth?: Uint8Array
}

/**
 * The labels of all rows as they were known at `at` (milliseconds since 1970): the newest of the weightiest source that has spoken by
 * then. A row of which nobody spoke is genuine once it is mature, `unknown` before.
 */
export function labelsAsKnown(
  { rows, times, labels, maturity }: Pick<Dataset, 'rows' | 'times' | 'labels' | 'maturity'>,
  at: number,
): Uint8Array {
  const known = new Uint8Array(rows)
  for (let row = 0; row < rows; row++) known[row] = times[row] + maturity <= at ? genuine : unknown
  const spoke = new Int8Array(rows).fill(-1)
  for (let i = 0; i < labels.rows.length && labels.knownAt[i] <= at; i++) {
    const row = labels.rows[i]
    if (labels.sources[i] < spoke[row]) continue
    spoke[row] = labels.sources[i]
    known[row] = labels.values[i]
  }
  return known
}

export type GivenLabel = { row: number; knownAt: number; value: number; source: number }

/**
 * Brings labels in order of `knownAt`. They are given in the order in which, of one source, a later one holds against an earlier one: one
 * that came when a later one of its source was known was never believed, and is left out.
 */
export function labelLog(given: readonly GivenLabel[]): LabelLog {
  const newest = new Map<number, number>()
  const believed = Uint32Array.from(given, (_, i) => i)
    .sort((a, b) => given[a].knownAt - given[b].knownAt || a - b)
    .filter((i) => {
      const said = given[i].row * sources.length + given[i].source
      if ((newest.get(said) ?? -1) > i) return false
      newest.set(said, i)
      return true
    })
  return {
    rows: believed.map((i) => given[i].row),
    knownAt: Float64Array.from(believed, (i) => given[i].knownAt),
    values: Uint8Array.from(believed, (i) => given[i].value),
    sources: Uint8Array.from(believed, (i) => given[i].source),
  }
}

/** The first row that is not before `time`. */
export const rowAt = ({ times }: Pick<Dataset, 'times'>, time: number): number => placeIn(times, time)
