/** What the handbook judges by, for one fold. */
import type { Dataset } from '../data/dataset.ts'
import { cardPrecision } from '../evaluation/card-precision.ts'
import { auc, averagePrecision, calibrationError, meanOverBase } from '../evaluation/metrics.ts'
import { rank } from '../evaluation/ranked.ts'
import { type Fold, testDays } from './protocol.ts'

export type Judgement = { auc: number; ap: number; cp100: number; ece: number; ratio: number; rows: number; frauds: number }

export function judge(data: Dataset, { test, outcomes, start }: Fold, scores: Float32Array): Judgement {
  const labels = Uint8Array.from(test, (row) => outcomes[row])
  const times = Float64Array.from(test, (row) => data.times[row])
  const cards = Int32Array.from(test, (row) => data.cards[row])
  const all = rank(scores, labels)
  return {
    auc: auc(all),
    ap: averagePrecision(all),
    cp100: cardPrecision({ scores, labels, times, cards }, { start, days: testDays, k: 100 }),
    ece: calibrationError(all),
    ratio: meanOverBase(all),
    rows: labels.length,
    frauds: all.fraud,
  }
}
