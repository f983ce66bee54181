/** What the handbook judges by, for one fold. */

import type { Dataset } from '../data/dataset.ts'
import { auc, averagePrecision, calibrationError } from '../evaluation/metrics.ts'
import { type Fold, testDays } from './protocol.ts'

export type Judgement = { auc: number; ap: number; cp100: number; ece: number; ratio: number; rows: number; frauds: number }

const day = 86_400_000

/** Of each day's 100 cards with the highest score, how many had a fraud that day; a card once found leaves the following days. */
function cardPrecision(data: Dataset, { test, outcomes, start }: Fold, scores: Float32Array, k: number): number {
  const found = new Set<number>()
  let sum = 0
  for (let d = 0; d < testDays; d++) {
    const best = new Map<number, number>()
    const guilty = new Set<number>()
    test.forEach((row, i) => {
      const card = data.cards[row]
      if (Math.floor((data.times[row] - start) / day) !== d || found.has(card)) return
      best.set(card, Math.max(scores[i], best.get(card) ?? 0))
      if (outcomes[row] === 1) guilty.add(card)
    })
    const caught = [...best]
      .sort((a, b) => b[1] - a[1])
      .slice(0, k)
      .filter(([card]) => guilty.has(card))
    for (const [card] of caught) found.add(card)
    sum += caught.length / k
  }
  return sum / testDays
}

export function judge(data: Dataset, fold: Fold, scores: Float32Array): Judgement {
  const truth = Uint8Array.from(fold.test, (row) => fold.outcomes[row])
  const frauds = truth.reduce((a: number, b) => a + b, 0)
  return {
    auc: auc(scores, truth),
    ap: averagePrecision(scores, truth),
    cp100: cardPrecision(data, fold, scores, 100),
    ece: calibrationError(scores, truth),
    ratio: scores.reduce((a: number, b) => a + b, 0) / frauds,
    rows: truth.length,
    frauds,
  }
}
