/**
 * Which thresholds a bank should set, judged by what its past transactions scored and turned out to be. Pure: arrays in, figures out.
 *
 * Three numbers are wanted, and each has one rule, so that a person can say why it is what it is:
 *
 * - **review** is what people have time for. With an alert budget it is the lowest score at which no more than so many alerts a day would
 *   have been raised; without one it is the score at which the losses avoided exceed the reviews' cost by most.
 * - **decline** lies above it. Nobody has said what it costs to turn an honest customer away, so it comes from a precision target: the
 *   lowest score of a fraud from which on at least that share was fraud, judged by no fewer than 20 transactions. Where there is none, the one in
 *   force stays.
 * - **challenge** lies below it: the lowest score of a fraud such that, of what lies between it and `review`, at least that share was fraud. It takes
 *   nobody's time, so neither budget nor costs bound it. Where there is none, nothing is challenged.
 *
 * Everything from `review` up counts as an alert, and as looked at. An alert is a row, whatever it weighs: weights are for frauds, of which
 * one that was found by drawing stands for others that were not drawn and are among the rows as genuine.
 */
import { AssayError } from '../../services/shared/errors.ts'
import type { Settings } from '../../services/shared/tidb/settings.ts'
import { fraud, unknown } from '../data/dataset.ts'
import { type Numbers, rankingOf, type Scores } from '../evaluation/ranked.ts'

export type Thresholds = Settings['thresholds']
export type Past = {
  scores: Scores
  /** 0 genuine, 1 fraud; `unknown` where it was inconclusive: such a row raises alerts, but says nothing of precision. */
  labels: Uint8Array
  weights: Numbers
  /** Minor units of the base currency. */
  amounts: Numbers
  /** How many days these rows took. */
  days: number
}
export type Wish = {
  costs: Settings['costs']
  /** Alerts a day that people have time for; without it the costs decide. */
  budget?: number | undefined
  challengePrecision: number
  declinePrecision: number
  inForce: Thresholds
}

/** What a threshold would have raised. Money is in minor units; precision is NaN where nothing is raised that anything is known of. */
export type Point = {
  threshold: number
  alertsPerDay: number
  precision: number
  recall: number
  /** Losses that would have been avoided. */
  saved: number
  /** What the reviews would have cost. */
  cost: number
}
/** What three thresholds would have done. */
export type Effect = Point & {
  thresholds: Thresholds
  alerts: number
  /** Frauds at or above `review`. */
  fraudsCaught: number
  challenged: number
  fraudsChallenged: number
  declined: number
  /** Declined rows that were not fraud, as far as anything is known. */
  genuineDeclined: number
}
export type Suggestion = { thresholds: Thresholds; suggested: Effect; inForce: Effect; curve: Point[]; frauds: number; notes: string[] }

/** As many as a model needs in order to learn: with fewer a threshold would be chance. */
const fewestFrauds = 50
const fewestDeclined = 20

/** Sums over all rows from the highest score down to each level. */
type Levels = {
  scores: Float64Array
  alerts: Float64Array
  known: Float64Array
  frauds: Float64Array
  lost: Float64Array
}

function levelsOf({ scores, labels, weights, amounts }: Past): Levels {
  const ranking = rankingOf(scores)
  const empty = () => new Float64Array(ranking.scores.length)
  const sums = { scores: ranking.scores, alerts: empty(), known: empty(), frauds: empty(), lost: empty() }
  ranking.rows.forEach((row, i) => {
    const level = ranking.levels[i]
    sums.alerts[level]++
    if (labels[row] !== unknown) sums.known[level]++
    if (labels[row] !== fraud) return
    sums.frauds[level] += weights[row]
    sums.lost[level] += weights[row] * amounts[row]
  })
  for (const column of [sums.alerts, sums.known, sums.frauds, sums.lost])
    for (let level = 1; level < column.length; level++) column[level] += column[level - 1]
  return sums
}

/** The lowest level whose score reaches the threshold; -1 if none does. */
function levelOf({ scores }: Levels, threshold: number): number {
  let [low, high] = [0, scores.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (scores[middle] >= threshold) low = middle + 1
    else high = middle
  }
  return low - 1
}

const at = (column: Float64Array, level: number): number => (level < 0 ? 0 : column[level])
const last = (column: Float64Array): number => column[column.length - 1]
/** Frauds that stand for others can outnumber the rows. */
const shareOf = (frauds: number, known: number): number => (known === 0 ? Number.NaN : Math.min(1, frauds / known))

function pointOf(levels: Levels, threshold: number, days: number, costs: Settings['costs']): Point {
  const level = levelOf(levels, threshold)
  return {
    threshold,
    alertsPerDay: at(levels.alerts, level) / days,
    precision: shareOf(at(levels.frauds, level), at(levels.known, level)),
    recall: at(levels.frauds, level) / last(levels.frauds),
    saved: Math.round(at(levels.lost, level) * costs.missedFraudShare),
    cost: at(levels.alerts, level) * costs.review,
  }
}

function effectOf(levels: Levels, thresholds: Thresholds, days: number, costs: Settings['costs']): Effect {
  const [challenge, review, decline] = [thresholds.challenge, thresholds.review, thresholds.decline].map((t) => levelOf(levels, t))
  const between = (column: Float64Array) => at(column, challenge) - at(column, review)
  return {
    ...pointOf(levels, thresholds.review, days, costs),
    thresholds,
    alerts: at(levels.alerts, review),
    fraudsCaught: at(levels.frauds, review),
    challenged: between(levels.alerts),
    fraudsChallenged: between(levels.frauds),
    declined: at(levels.alerts, decline),
    genuineDeclined: Math.max(0, at(levels.known, decline) - at(levels.frauds, decline)),
  }
}

function byBudget({ alerts }: Levels, budget: number, days: number): number {
  const beyond = alerts.findIndex((n) => n / days > budget)
  if (beyond === 0)
    throw new AssayError(
      'budget_too_small',
      `The highest score alone raises ${(alerts[0] / days).toFixed(1)} alerts a day, which is more than ${budget}`,
    )
  return (beyond < 0 ? alerts.length : beyond) - 1
}

function byCosts({ alerts, lost }: Levels, { missedFraudShare, review }: Settings['costs']): number {
  let best = { level: -1, net: 0 }
  for (let level = 0; level < alerts.length; level++) {
    const net = lost[level] * missedFraudShare - alerts[level] * review
    if (net > best.net) best = { level, net }
  }
  if (best.level < 0) throw new AssayError('review_never_pays', 'By these costs no threshold would have saved more than its reviews cost')
  return best.level
}

/** The last level from `from` to `end` that has a fraud and passes, or -1: going lower than the last fraud would only disturb others. */
function lowest({ frauds }: Levels, from: number, end: number, passes: (level: number) => boolean): number {
  for (let level = end; level >= from; level--) if (frauds[level] > at(frauds, level - 1) && passes(level)) return level
  return -1
}

/** About so many points whose numbers of alerts rise by equal factors. */
function curveOf(levels: Levels, days: number, costs: Settings['costs'], count = 20): Point[] {
  const chosen = new Set<number>()
  const rows = last(levels.alerts)
  for (let i = 0; i < count; i++) {
    const wanted = rows ** (i / (count - 1))
    const level = levels.alerts.findIndex((n) => n >= wanted - 1e-6)
    chosen.add(level < 0 ? levels.alerts.length - 1 : level)
  }
  return [...chosen].map((level) => pointOf(levels, levels.scores[level], days, costs))
}

/** Throws `frauds_too_few`, `budget_too_small`, `review_never_pays` or `score_not_finite`. */
export function suggestThresholds(past: Past, { costs, budget, challengePrecision, declinePrecision, inForce }: Wish): Suggestion {
  const found = past.labels.reduce((n, label) => n + (label === fraud ? 1 : 0), 0)
  if (found < fewestFrauds)
    throw new AssayError(
      'frauds_too_few',
      `${found} transactions of that time are known to be fraud; at least ${fewestFrauds} are needed: take a longer time, or wait for labels`,
      { details: { found, needed: fewestFrauds } },
    )
  const levels = levelsOf(past)
  const { scores, known, frauds } = levels
  const review = budget === undefined ? byCosts(levels, costs) : byBudget(levels, budget, past.days)
  const decline = lowest(
    levels,
    0,
    review,
    (level) => known[level] >= fewestDeclined && shareOf(frauds[level], known[level]) >= declinePrecision,
  )
  const challenge = lowest(
    levels,
    review + 1,
    scores.length - 1,
    (level) => shareOf(frauds[level] - frauds[review], known[level] - known[review]) >= challengePrecision,
  )
  const notes: string[] = []
  if (decline < 0)
    notes.push(`No score reaches a precision of ${declinePrecision} on ${fewestDeclined} transactions or more: decline stays where it is`)
  if (challenge < 0) notes.push(`Below review no range reaches a precision of ${challengePrecision}: nothing is challenged`)
  const thresholds = {
    challenge: scores[challenge < 0 ? review : challenge],
    review: scores[review],
    decline: decline < 0 ? Math.max(inForce.decline, scores[review]) : scores[decline],
  }
  return {
    thresholds,
    suggested: effectOf(levels, thresholds, past.days, costs),
    inForce: effectOf(levels, inForce, past.days, costs),
    curve: curveOf(levels, past.days, costs),
    frauds: last(frauds),
    notes,
  }
}
