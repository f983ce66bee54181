/**
 * How far later rows have moved from those that a model was trained on: the population stability index of each feature and of the score.
 * It wants whole weeks, since days differ from one another.
 */
import { fewestRows, longestWarmUp, movesByItself, warmUpOf } from './bins.ts'
import { psiOf } from './column.ts'
import type { Counted, Counts } from './counts.ts'
import { type Missing, missingOf } from './missing.ts'

/** From 0.1 on something moves, from 0.25 on it has drifted, which is an alarm. */
export const thresholds = { moving: 0.1, drifting: 0.25 } as const

export type Verdict = 'stable' | 'moving' | 'drifting' | 'warming up'

export type ColumnDrift = {
  name: string
  /** Absent while it is warming up. */
  psi?: number
  /** Shares of rows that have nothing of it: when the model was trained, and now. */
  missing?: Missing
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

const indexOf = ({ bins, counts }: Counted): number => rounded(psiOf(bins, counts))

function compared(column: Counted, others: readonly Counted[]): ColumnDrift {
  const psi = indexOf(column)
  return { name: column.name, psi, missing: missingOf(column, others), verdict: verdictOf(column.name, psi) }
}

const rank: Verdict[] = ['stable', 'warming up', 'moving', 'drifting']
const worst = (columns: ColumnDrift[]): Verdict => rank[Math.max(0, ...columns.map((c) => rank.indexOf(c.verdict)))]

/**
 * Compares rows that were counted, the first of them `age` milliseconds after the feed began. A feature that does not see all it looks at, then
 * or now, is warming up and gives no alarm; the score needs all of them.
 */
export function driftOf({ bins, names, rows, features, score: counted, scores }: Counts, age: number): DriftReport {
  if (!bins) return { verdict: 'no bins', rows, reason: 'The model has no bins to compare with; train it again to have them' }
  if (rows < fewestRows) return { verdict: 'too few rows', rows, reason: `${rows} transactions; at least ${fewestRows} are needed` }
  const known = new Map(features.filter(({ name }) => age >= warmUpOf(name)).map((column) => [column.name, compared(column, features)]))
  const columns = names
    .map((name): ColumnDrift => known.get(name) ?? { name, verdict: 'warming up' })
    .sort((a, b) => (b.psi ?? -1) - (a.psi ?? -1))
  const score: ColumnDrift[] =
    counted === undefined || scores.rows === 0
      ? []
      : [age >= longestWarmUp ? compared(counted, features) : { name: 'score', verdict: 'warming up' }]
  return { verdict: worst([...columns, ...score]), rows, features: columns, ...(score[0] && { score: score[0] }) }
}
