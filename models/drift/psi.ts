/**
 * How far later rows have moved from those that a model was trained on: the population stability index of each feature and of the score.
 * It wants whole weeks, since days differ from one another.
 */
import type { Matrix } from '../data/matrix.ts'
import { fewestRows, longestWarmUp, type ModelBins, movesByItself, warmUpOf } from './bins.ts'
import { type Bins, countIn, placeOf, psiOf } from './column.ts'

/** From 0.1 on something moves, from 0.25 on it has drifted, which is an alarm. */
const thresholds = { moving: 0.1, drifting: 0.25 } as const

export type Verdict = 'stable' | 'moving' | 'drifting' | 'warming up'

export type ColumnDrift = {
  name: string
  /** Absent while it is warming up. */
  psi?: number
  /** Shares of rows without a number: when the model was trained, and now. */
  missing?: { before: number; now: number }
  verdict: Verdict
}

export type DriftReport =
  | { verdict: 'no bins' | 'too few rows'; rows: number; reason: string }
  | {
      /** The worst of all; `warming up` where nothing moves that can be compared, and something cannot be yet. */
      verdict: Verdict
      rows: number
      /** Farthest first; those that are warming up at the end. */
      features: ColumnDrift[]
      score?: ColumnDrift
    }

function verdictOf(name: string, psi: number): Verdict {
  if (psi >= thresholds.drifting && !movesByItself(name)) return 'drifting'
  return psi >= thresholds.moving ? 'moving' : 'stable'
}

const rounded = (value: number) => Math.round(value * 1e6) / 1e6

function compared(name: string, bins: Bins, counts: readonly number[]): ColumnDrift {
  const psi = psiOf(bins, counts)
  const rows = counts.reduce((sum, n) => sum + n, 0)
  return {
    name,
    psi: rounded(psi),
    missing: { before: bins.missing, now: rounded((counts.at(-1) ?? 0) / Math.max(1, rows)) },
    verdict: verdictOf(name, psi),
  }
}

/** Counts of each column that has bins, a block of rows at a time. */
function countColumns({ matrix, rows }: Pick<Seen, 'matrix' | 'rows'>, columns: { f: number; bins: Bins }[]): number[][] {
  const { width } = matrix
  const counts = columns.map(({ bins }) => countIn(bins, []))
  const block = 4096
  const values = new Float32Array(Math.min(block, rows.length) * width)
  for (let from = 0; from < rows.length; from += block) {
    const some = rows.subarray(from, from + block)
    matrix.gather(some, values)
    for (const [c, { f, bins }] of columns.entries()) {
      for (let i = 0; i < some.length; i++) counts[c][placeOf(bins, values[i * width + f])]++
    }
  }
  return counts
}

export type Seen = {
  matrix: Matrix
  features: readonly string[]
  rows: Uint32Array
  /** Of the rows, where they are known. */
  scores?: Float32Array
  /** Milliseconds between the beginning of the feed and the first of the rows. */
  age: number
}

const rank: Verdict[] = ['stable', 'warming up', 'moving', 'drifting']
const worst = (columns: ColumnDrift[]): Verdict => rank[Math.max(0, ...columns.map((c) => rank.indexOf(c.verdict)))]

/** Compares. A feature that does not see all it looks at, then or now, is warming up and gives no alarm; the score needs all of them. */
export function driftOf(bins: ModelBins | undefined, seen: Seen): DriftReport {
  const { features, rows, scores, age } = seen
  if (!bins) return { verdict: 'no bins', rows: rows.length, reason: 'The model has no bins to compare with; train it again to have them' }
  if (rows.length < fewestRows)
    return { verdict: 'too few rows', rows: rows.length, reason: `${rows.length} transactions; at least ${fewestRows} are needed` }
  const ready = features.flatMap((name, f) => {
    const own = Object.hasOwn(bins.features, name) ? bins.features[name] : undefined
    return own && age >= warmUpOf(name) ? [{ name, f, bins: own }] : []
  })
  const counts = countColumns(seen, ready)
  const known = new Map(ready.map(({ name, bins: own }, c) => [name, compared(name, own, counts[c])]))
  const columns = features
    .map((name): ColumnDrift => known.get(name) ?? { name, verdict: 'warming up' })
    .sort((a, b) => (b.psi ?? -1) - (a.psi ?? -1))
  const score: ColumnDrift[] =
    scores === undefined || bins.score === undefined
      ? []
      : [age >= longestWarmUp ? compared('score', bins.score, countIn(bins.score, scores)) : { name: 'score', verdict: 'warming up' }]
  return { verdict: worst([...columns, ...score]), rows: rows.length, features: columns, ...(score[0] && { score: score[0] }) }
}
