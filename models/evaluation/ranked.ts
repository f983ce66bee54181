/**
 * Rows by falling score, sorted once for all metrics. Rows of the same score are one level: which of them comes first is chance, so no
 * metric may depend on it.
 */
import { AssayError } from '../../services/shared/errors.ts'

export type Scores = Float32Array | Float64Array
/** Real numbers, as typed arrays or plain ones. */
export type Numbers = ArrayLike<number>

/** The order of the rows and the level of each. */
export type Ranking = {
  /** Rows by falling score. */
  rows: Uint32Array
  /** By places in `rows`: the number of its level, from 0 for the highest score. */
  levels: Uint32Array
  /** The score of each level. */
  scores: Float64Array
}

/** What lies on each level, from the highest score to the lowest. */
export type Ranked = {
  scores: Float64Array
  /** Sum of the weights of all rows, and of the frauds. */
  weights: Float64Array
  frauds: Float64Array
  /** The same of all levels together. */
  weight: number
  fraud: number
}

/** Throws `score_not_finite`: nothing can be ordered by such a score. */
export function checkFinite(scores: Scores): void {
  const row = scores.findIndex((score) => !Number.isFinite(score))
  if (row >= 0)
    throw new AssayError(
      'score_not_finite',
      `The score of row ${row} is ${scores[row]}: the model that gave it is broken or was not trained`,
      {
        details: { row, score: String(scores[row]) },
      },
    )
}

/** Sorts; throws `score_not_finite`. */
export function rankingOf(scores: Scores): Ranking {
  checkFinite(scores)
  const rows = Uint32Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a])
  const levels = new Uint32Array(rows.length)
  const distinct: number[] = []
  rows.forEach((row, i) => {
    if (i === 0 || scores[row] !== scores[rows[i - 1]]) distinct.push(scores[row])
    levels[i] = distinct.length - 1
  })
  return { rows, levels, scores: Float64Array.from(distinct) }
}

/** Sums up each level. `labels` are 0 or 1, else `label_not_known` is thrown; a row without a weight weighs 1. */
export function ranked({ rows, levels, scores }: Ranking, labels: Uint8Array, weights?: Numbers): Ranked {
  const sums: Ranked = { scores, weights: new Float64Array(scores.length), frauds: new Float64Array(scores.length), weight: 0, fraud: 0 }
  rows.forEach((row, i) => {
    if (!(labels[row] <= 1))
      throw new AssayError('label_not_known', `Row ${row} has no label: only rows that are known to be fraud or genuine can be judged`)
    const weight = weights ? weights[row] : 1
    sums.weights[levels[i]] += weight
    sums.weight += weight
    if (labels[row] === 0) return
    sums.frauds[levels[i]] += weight
    sums.fraud += weight
  })
  return sums
}

/** Sorts and sums up at once. */
export const rank = (scores: Scores, labels: Uint8Array, weights?: Numbers): Ranked => ranked(rankingOf(scores), labels, weights)
