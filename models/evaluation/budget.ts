/** What a number of alerts costs and brings. */
import { type Numbers, type Ranking, ranked } from './ranked.ts'

type Rows = {
  labels: Uint8Array
  /** Minor units of the base currency. */
  amounts: Numbers
  weights?: Numbers
}

/** As in a tenant's settings: the part of a missed fraud's amount that is lost, and the minor units that a review costs. */
export type Costs = { missedFraudShare: number; review: number }

export type Outcome = {
  /** The lowest score that is looked at; NaN where nothing is. */
  threshold: number
  alerts: number
  frauds: number
  precision: number
  recall: number
  /** Minor units: the frauds' amounts that were caught, and what that saved once the reviews are paid. */
  caught: number
  saved: number
}

/**
 * What comes of looking at this many of the highest scores: so many a day times the days, or a share of the rows. Where the last score is
 * tied, its rows count by the share of them that can still be looked at.
 */
export function outcomeOf(ranking: Ranking, rows: Rows, alerts: number, costs: Costs): Outcome {
  const { labels, amounts, weights } = rows
  const all = ranked(ranking, labels, weights)
  const worth = new Float64Array(all.scores.length)
  ranking.rows.forEach((row, i) => {
    if (labels[row] === 1) worth[ranking.levels[i]] += amounts[row] * (weights ? weights[row] : 1)
  })
  let left = Math.min(alerts, all.weight)
  const looked = left
  let threshold = Number.NaN
  let frauds = 0
  let caught = 0
  for (let level = 0; level < worth.length && left > 0; level++) {
    if (all.weights[level] === 0) continue
    const share = Math.min(1, left / all.weights[level])
    frauds += share * all.frauds[level]
    caught += share * worth[level]
    left -= all.weights[level]
    threshold = all.scores[level]
  }
  return {
    threshold,
    alerts: looked,
    frauds,
    precision: looked > 0 ? frauds / looked : Number.NaN,
    recall: all.fraud > 0 ? frauds / all.fraud : Number.NaN,
    caught,
    saved: caught * costs.missedFraudShare - looked * costs.review,
  }
}
