/** Rows in the bins of a model: of however many rows only their counts are kept. */
import type { Matrix } from '../data/matrix.ts'
import type { ModelBins } from './bins.ts'
import { type Bins, countIn, placeOf } from './column.ts'

/** `place`: of the feature in the vector. `counts`: in the order of `countIn`. */
export type Counted = { name: string; place: number; bins: Bins; counts: number[] }

const empty = (name: string, place: number, bins: Bins): Counted => ({ name, place, bins, counts: countIn(bins, []) })

export class Counts {
  readonly bins: ModelBins | undefined
  /** All features of the vector. */
  readonly names: readonly string[]
  /** Those that have bins. */
  readonly features: readonly Counted[]
  readonly score: Counted | undefined
  rows = 0
  scores = { rows: 0, sum: 0 }

  constructor(bins: ModelBins | undefined, names: readonly string[]) {
    this.bins = bins
    this.names = names
    this.features = names.flatMap((name, place) =>
      bins && Object.hasOwn(bins.features, name) ? [empty(name, place, bins.features[name])] : [],
    )
    this.score = bins?.score && empty('score', -1, bins.score)
  }

  /** Counts the row whose vector begins at `start`. */
  add(values: Float32Array, start: number, score?: number): void {
    this.rows++
    for (const { place, bins, counts } of this.features) counts[placeOf(bins, values[start + place])]++
    if (score === undefined) return
    this.scores.rows++
    this.scores.sum += score
    if (this.score) this.score.counts[placeOf(this.score.bins, score)]++
  }

  /** Adds what another one has counted in the same bins. */
  merge(other: Counts): void {
    this.rows += other.rows
    this.scores.rows += other.scores.rows
    this.scores.sum += other.scores.sum
    const plus = (to: Counted | undefined, from: Counted | undefined) =>
      from?.counts.forEach((n, i) => {
        if (to) to.counts[i] += n
      })
    for (const [i, own] of this.features.entries()) plus(own, other.features[i])
    plus(this.score, other.score)
  }
}

/** Rows of a matrix; `scores` are of these rows, where they are known. */
export type SomeRows = { matrix: Matrix; rows: Uint32Array; scores?: Float32Array }

const block = 4096

/** Counts rows of a matrix, a block at a time, each in what `into` gives for its place in `rows`. */
export function countRows({ matrix, rows, scores }: SomeRows, into: (i: number) => Counts): void {
  const { width } = matrix
  const values = new Float32Array(Math.min(block, rows.length) * width)
  for (let from = 0; from < rows.length; from += block) {
    const some = rows.subarray(from, from + block)
    matrix.gather(some, values)
    for (let i = 0; i < some.length; i++) into(from + i).add(values, i * width, scores?.[from + i])
  }
}
