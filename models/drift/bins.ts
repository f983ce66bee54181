/**
 * What a model's training rows looked like, in a few numbers for each feature and for the score: bins that never change, and the share of
 * rows in each. Later rows are counted in the same bins by `psi.ts`.
 */
import type { Matrix } from '../data/matrix.ts'
import { type Feature, features, longestWindow, windows } from '../fold/features.ts'
import { type Bins, binsOfColumn } from './column.ts'

/** Of a model. A feature that was still warming up in nearly all training rows has none. */
export type ModelBins = {
  features: Record<string, Bins>
  /** Of the validation rows; absent where there were too few. */
  score?: Bins
}

/** With fewer rows, differences are mostly chance. */
export const fewestRows = 500

/** Rows that bins are made of, evenly over the period: enough for shares to within 0.2 %. */
const mostRows = 100_000

/** Of a customer, yet known at once. */
const immediate = new Set(['home_distance', 'home_distance_unknown', 'night', 'weekend', 'account_age', 'account_age_unknown'])

/** What is known of frauds with a counterparty, a device or an address. */
const ofFrauds = /_(fraud_share|frauds_30d|since_first_fraud|since_last_fraud|genuine_since)$/

/** Whether one report changes a feature in all the rows of an entity, a much visited shop perhaps: such a change is told, but no alarm. */
export const movesByItself = (feature: string): boolean => ofFrauds.test(feature)

function settlingTime({ name, entity }: Feature): number {
  if (entity === 'transaction' || immediate.has(name)) return 0
  // Frauds become known up to a month later, and a first time is remembered for longer than a window.
  if (ofFrauds.test(name) || name.endsWith('_age')) return 2 * longestWindow
  return Object.entries(windows).find(([suffix]) => name.endsWith(`_${suffix}`))?.[1] ?? longestWindow
}

const warmUps = new Map(features.map((feature) => [feature.name, settlingTime(feature)]))

/** When the last of them has warmed up, and so the score. */
export const longestWarmUp = Math.max(...warmUps.values())

/** Milliseconds after a feed has begun until a feature sees all that it looks at; 0 for one that is not computed from a history. */
export const warmUpOf = (feature: string): number => warmUps.get(feature) ?? 0

/** At most `most` of the rows, evenly. */
const spread = (rows: Uint32Array, most: number): Uint32Array =>
  rows.length <= most ? rows : Uint32Array.from({ length: most }, (_, i) => rows[Math.floor((i * rows.length) / most)])

export type Trained = {
  matrix: Matrix
  features: readonly string[]
  /** Milliseconds since 1970 of the matrix's rows, rising; the first is when the feed began. */
  times: Float64Array
  /** Those that the model learns from, rising. */
  rows: Uint32Array
  /** Of rows that it did not learn from. */
  scores: Float32Array
}

/**
 * Bins of a model that is being made. Rows of a feature's first days, while it is warming up, are left out of its bins; where
 * fewer than `fewestRows` are left, it has none.
 */
export function binsOf({ matrix, features: names, times, rows, scores }: Trained): ModelBins {
  const sample = spread(rows, mostRows)
  const { width } = matrix
  const values = new Float32Array(sample.length * width)
  matrix.gather(sample, values)
  const made: Record<string, Bins> = {}
  const begun = times[0] ?? 0
  for (const [f, name] of names.entries()) {
    const settled = sample.findIndex((row) => times[row] >= begun + warmUpOf(name))
    if (settled < 0 || sample.length - settled < fewestRows) continue
    made[name] = binsOfColumn(Float32Array.from({ length: sample.length - settled }, (_, i) => values[(settled + i) * width + f]))
  }
  return { features: made, ...(scores.length >= fewestRows && { score: binsOfColumn(scores) }) }
}
