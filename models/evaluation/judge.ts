/** Everything that is said of a model's scores: figures with intervals, curves, and how it does on parts of the data. */
import { type Difference, differencesOf, type Interval, intervalsOf, type Metric } from './bootstrap.ts'
import { type Costs, type Outcome, outcomeOf } from './budget.ts'
import {
  auc,
  averagePrecision,
  type Bin,
  calibrationError,
  meanOverBase,
  recallAt,
  recallAtFalsePositives,
  reliability,
} from './metrics.ts'
import { type Numbers, type Ranked, type Ranking, ranked, rankingOf, type Scores } from './ranked.ts'
import { type SegmentFigures, segmentsOf } from './segments.ts'

/** Rows with a known outcome. `weights`: what each counts for. Codes of a segment are places in its `values`, -1 where a row has none. */
export type Outcomes = {
  labels: Uint8Array
  weights: Numbers
  cards: Numbers
  /** Minor units of the base currency. */
  amounts: Numbers
  segments: readonly { name: string; values: readonly string[]; codes: Int32Array }[]
}

/** Shares of the transactions that people can look at. */
const budgets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05]
const budget = 0.005
/** Of the bootstrap, for each part. */
const replicates = 200
const budgetName = (share: number) => `recallAt${share}`

/** Of the whole judged period, by what is printed of them. */
export const metrics = {
  auc,
  ap: averagePrecision,
  recallAtBudget: (all) => recallAt(all, budget),
  recallAtFalsePositives: (all) => recallAtFalsePositives(all, 0.01),
  ece: calibrationError,
  meanOverBase,
} satisfies Record<string, Metric>
export type MetricName = keyof typeof metrics

export type Judgement = {
  rows: number
  frauds: number
  baseRate: number
  figures: Record<MetricName, Interval>
  /** What is found by looking at shares of the transactions. */
  byBudget: (Interval & { budget: number })[]
  precisionRecall: { recall: number; precision: number }[]
  reliability: Bin[]
  parts: SegmentFigures[]
  /** What looking at the transactions of the budget brings, where amounts are known. */
  atBudget: Outcome
}

/** At most `most` points of the curve, by equal steps of recall. */
function precisionRecallOf({ weights, frauds, fraud }: Ranked, most = 200): Judgement['precisionRecall'] {
  const points: Judgement['precisionRecall'] = []
  let seen = 0
  let found = 0
  for (let level = 0; level < weights.length; level++) {
    seen += weights[level]
    found += frauds[level]
    if (frauds[level] > 0 && Math.floor((found / fraud) * most) > Math.floor(((found - frauds[level]) / fraud) * most))
      points.push({ recall: found / fraud, precision: found / seen })
  }
  return points
}

/** The score of the last transaction that is looked at when this share is. */
function thresholdOf({ scores, weights, weight }: Ranked, share: number): number {
  let left = weight * share
  for (let level = 0; level < scores.length; level++) {
    left -= weights[level]
    if (left <= 0) return scores[level]
  }
  return Number.NEGATIVE_INFINITY
}

function judgeRanking(ranking: Ranking, outcomes: Outcomes, costs: Costs): Judgement {
  const { labels, weights, segments } = outcomes
  const all = ranked(ranking, labels, weights)
  const recalls = Object.fromEntries(budgets.map((share) => [budgetName(share), (some: Ranked) => recallAt(some, share)]))
  const found: Record<string, Interval> = intervalsOf(ranking, outcomes, { ...metrics, ...recalls })
  return {
    rows: labels.length,
    frauds: labels.reduce((sum, label) => sum + label, 0),
    baseRate: all.fraud / all.weight,
    figures: Object.fromEntries(Object.keys(metrics).map((name) => [name, found[name]])) as Judgement['figures'],
    byBudget: budgets.map((share) => ({ budget: share, ...found[budgetName(share)] })),
    precisionRecall: precisionRecallOf(all),
    reliability: reliability(all),
    parts: segmentsOf(ranking, outcomes, segments, { threshold: thresholdOf(all, budget), replicates }),
    atBudget: outcomeOf(ranking, outcomes, all.weight * budget, costs),
  }
}

/** Throws `score_not_finite` and `label_not_known`. */
export const judge = (scores: Scores, outcomes: Outcomes, costs: Costs): Judgement => judgeRanking(rankingOf(scores), outcomes, costs)

/** The second's figures less the first's, both on the same draws of cards. */
export const compare = (first: Scores, second: Scores, outcomes: Outcomes): Record<MetricName, Difference> =>
  differencesOf([rankingOf(first), rankingOf(second)], outcomes, metrics)
