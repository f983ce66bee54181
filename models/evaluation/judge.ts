/** Everything that is said of a model's scores: figures with intervals, curves, and how it does on parts of the data. */
import { type Difference, differencesOf, type Interval, intervalsOf, type Metric } from './bootstrap.ts'
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

/** Rows with a known outcome. `weights`: what each counts for. Codes of a segment are places in its `values`, -1 where a row has none. */
export type Outcomes = {
  labels: Uint8Array
  weights: Numbers
  cards: Numbers
  segments: readonly { name: string; values: readonly string[]; codes: Int32Array }[]
}

/** Shares of the transactions that people can look at. */
const budgets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05]
const budget = 0.005
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

/** Where a part has fewer frauds than that, only how many is said of it. */
const fewestFrauds = 10
/** Values of a segment that are looked at: those with the most frauds. */
const mostValues = 12

export type Part = {
  segment: string
  value: string
  rows: number
  frauds: number
  /** Nothing where the frauds are too few. */
  auc?: Interval
  ap?: Interval
  /** Share of its frauds above the score that uses up the budget over all rows. */
  recallAtBudget?: Interval
}

export type Judgement = {
  rows: number
  frauds: number
  baseRate: number
  figures: Record<MetricName, Interval>
  /** What is found by looking at shares of the transactions. */
  byBudget: (Interval & { budget: number })[]
  precisionRecall: { recall: number; precision: number }[]
  reliability: Bin[]
  parts: Part[]
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

const recallFrom =
  (threshold: number): Metric =>
  ({ scores, frauds, fraud }) => {
    let found = 0
    for (let level = 0; level < scores.length && scores[level] >= threshold; level++) found += frauds[level]
    return fraud === 0 ? Number.NaN : found / fraud
  }

/** The rows of each value of a segment. Where only frauds have a value, each value's are set against all that are genuine. */
function rowsByValue({ values, codes }: Outcomes['segments'][number], labels: Uint8Array): { value: string; rows: number[] }[] {
  const rows: number[][] = values.map(() => [])
  const genuine: number[] = []
  let fraudsOnly = true
  for (let row = 0; row < codes.length; row++) {
    if (labels[row] === 0) genuine.push(row)
    if (codes[row] < 0) continue
    rows[codes[row]].push(row)
    if (labels[row] === 0) fraudsOnly = false
  }
  return values.map((value, i) => ({ value, rows: fraudsOnly && rows[i].length > 0 ? rows[i].concat(genuine) : rows[i] }))
}

function partsOf(scores: Scores, { labels, weights, cards, segments }: Outcomes, threshold: number): Part[] {
  const own = { auc, ap: averagePrecision, recallAtBudget: recallFrom(threshold) }
  return segments.flatMap((segment) =>
    rowsByValue(segment, labels)
      .map(({ value, rows }) => ({ value, rows, frauds: rows.reduce((sum, row) => sum + labels[row], 0) }))
      .filter(({ rows }) => rows.length > 0)
      .sort((a, b) => b.frauds - a.frauds)
      .slice(0, mostValues)
      .map(({ value, rows, frauds }): Part => {
        const part = { segment: segment.name, value, rows: rows.length, frauds }
        if (frauds < fewestFrauds) return part
        const of = {
          labels: Uint8Array.from(rows, (r) => labels[r]),
          cards: rows.map((r) => cards[r]),
          weights: rows.map((r) => weights[r]),
        }
        return { ...part, ...intervalsOf(rankingOf(Float64Array.from(rows, (r) => scores[r])), of, own) }
      }),
  )
}

function judgeRanking(ranking: Ranking, scores: Scores, outcomes: Outcomes): Judgement {
  const { labels, weights } = outcomes
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
    parts: partsOf(scores, outcomes, thresholdOf(all, budget)),
  }
}

/** Throws `score_not_finite` and `label_not_known`. */
export const judge = (scores: Scores, outcomes: Outcomes): Judgement => judgeRanking(rankingOf(scores), scores, outcomes)

/** The second's figures less the first's, both on the same draws of cards. */
export const compare = (first: Scores, second: Scores, outcomes: Outcomes): Record<MetricName, Difference> =>
  differencesOf([rankingOf(first), rankingOf(second)], outcomes, metrics)
