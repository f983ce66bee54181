/** What judging needs of a data set: scores of a model that is loaded as it would serve, and the outcomes of a period. */
import type { Dataset } from '../data/dataset.ts'
import type { Scorer } from '../scorer.ts'
import type { Period } from '../training/periods.ts'
import type { Outcomes } from './judge.ts'

const block = 4096

/** Scores of the given rows, in their order. */
export function scoresOf(scorer: Scorer, { matrix }: Dataset, rows: Uint32Array): Float32Array {
  const scores = new Float32Array(rows.length)
  for (let from = 0; from < rows.length; from += block) {
    const some = rows.subarray(from, from + block)
    const features = new Float32Array(some.length * matrix.width)
    matrix.gather(some, features)
    scores.set(scorer.score(features, some.length), from)
  }
  return scores
}

/** The rows of a period, with everything by which they are judged. */
export function outcomesOf(data: Dataset, { rows, labels }: Period): Outcomes {
  return {
    labels: Uint8Array.from(rows, (row) => labels[row]),
    weights: Float32Array.from(rows, (row) => data.weights[row]),
    cards: Int32Array.from(rows, (row) => data.cards[row]),
    amounts: Float64Array.from(rows, (row) => data.amounts[row]),
    segments: data.segments.map(({ name, values, codes }) => ({ name, values, codes: Int32Array.from(rows, (row) => codes[row]) })),
  }
}
