/** What is told of a time: how far it has moved from a model's training rows, as a whole and day by day. */
import type { Calibration } from './calibration.ts'
import { Counts } from './counts.ts'
import { daysBetween } from './days.ts'
import { type ColumnDrift, type DriftReport, driftOf } from './psi.ts'

export type DayOf = {
  /** When it began. */
  day: string
  rows: number
  meanScore?: number
  /** Index of the day alone, of the score and of the features that moved farthest; absent where it has too few rows. */
  psi?: Record<string, number>
}

export type Watched = {
  /** The bank or the file. */
  of: string
  model: { name: string; version?: number }
  from: string
  to: string
  /** Of the bank; UTC of a file. */
  zone: string
  /** Those of that time, and how many of them were looked at, evenly over it. */
  transactions: number
  rows: number
  /** Rows that were left out, since their features are of another version than the model's. */
  otherFeatures: number
  /** Rows that another model decided: their scores were computed from the recorded features. */
  rescored: number
  drift: DriftReport
  days: DayOf[]
  /** Shares of the scores in the model's bins, as `Bins` has them. */
  scoreBins?: { special?: number; edges: number[]; before: number[]; now: number[] }
  /** Indices of the windows that the trainer has kept, of the score and of the features that moved farthest; the oldest first. */
  kept?: { to: string; psi: Record<string, number> }[]
  /** Of rows whose labels are complete; absent where there is none. */
  calibration?: Calibration
}

/** How many features are told day by day. */
const followed = 5
const instant = (time: number) => new Date(time).toISOString()

/** Counts of each day of a time, with the names of the features that a vector has. */
export type Days = { starts: readonly number[]; counts: readonly Counts[] }

export function createDays(bins: Counts['bins'], names: readonly string[], span: { from: number; to: number }, zone: string): Days {
  const starts = daysBetween(span.from, span.to, zone)
  return { starts, counts: starts.map(() => new Counts(bins, names)) }
}

/** The score, where it is told, and the features, the farthest first, at most `most` of them. */
export const columnsOf = (drift: DriftReport, most?: number): ColumnDrift[] =>
  'features' in drift ? [...(drift.score ? [drift.score] : []), ...drift.features.slice(0, most)] : []

/** Names of the score and of the features that moved farthest. */
export function followedOf(drift: DriftReport): string[] {
  const settled = columnsOf(drift).filter((column) => column.psi !== undefined)
  return settled.slice(0, followed + (settled[0]?.name === 'score' ? 1 : 0)).map(({ name }) => name)
}

function dayOf(start: number, counts: Counts, followedNames: readonly string[]): DayOf {
  const { rows, scores } = counts
  const known = new Map(columnsOf(driftOf(counts, Number.POSITIVE_INFINITY)).map(({ name, psi }) => [name, psi ?? 0]))
  return {
    day: instant(start),
    rows,
    ...(scores.rows > 0 && { meanScore: scores.sum / scores.rows }),
    ...(known.size > 0 && { psi: Object.fromEntries(followedNames.map((name) => [name, known.get(name) ?? 0])) }),
  }
}

function scoreBinsOf({ score, scores }: Counts): Pick<Watched, 'scoreBins'> {
  if (!score || scores.rows === 0) return {}
  const { shares: before, edges, special } = score.bins
  return {
    scoreBins: { ...(special !== undefined && { special }), edges, before, now: before.map((_, i) => score.counts[i] / scores.rows) },
  }
}

/** Of the days together, the first beginning `age` milliseconds after the feed. */
export function driftOfDays({ starts, counts }: Days, age: number): Pick<Watched, 'drift' | 'days' | 'scoreBins'> {
  const all = new Counts(counts[0].bins, counts[0].names)
  for (const of of counts) all.merge(of)
  const drift = driftOf(all, age)
  const names = followedOf(drift)
  return { drift, days: starts.map((start, i) => dayOf(start, counts[i], names)), ...scoreBinsOf(all) }
}
