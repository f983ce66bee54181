/**
 * The folds of the handbook (Le Borgne, Siblini, Lebichot and Bontempi: Reproducible Machine Learning for Credit Card Fraud Detection,
 * 2022): a week to learn from, a week until its labels are known, a week to be judged on, four times. A longer training period grows
 * backwards from the same end. A card that is known to be compromised is judged no more.
 */
import { type Dataset, fraud, labelsAsKnown, rowAt } from '../data/dataset.ts'

const day = 86_400_000

export type Fold = {
  train: Uint32Array
  /** Labels as they were known when the judged week began. */
  labels: Uint8Array
  test: Uint32Array
  /** What came out in the end. */
  outcomes: Uint8Array
  /** When the judged week begins, milliseconds since 1970. */
  start: number
}

export const testDays = 7
const delayDays = 7

/** The rows from a time to before another. */
function between(data: Dataset, from: number, to: number): Uint32Array {
  const first = rowAt(data, from)
  return Uint32Array.from({ length: Math.max(0, rowAt(data, to) - first) }, (_, i) => first + i)
}

/** One fold: training ends `delayDays` before `start`, where the judged week begins. */
export function foldOf(data: Dataset, start: number, trainDays: number): Fold {
  const outcomes = labelsAsKnown(data, Number.POSITIVE_INFINITY)
  const end = start - delayDays * day
  // A card is known by its frauds of the week before the delay, and day by day by those of the delay.
  const known = new Map<number, number>()
  for (const row of between(data, end - 7 * day, start)) {
    if (outcomes[row] !== fraud) continue
    const since = Math.max(0, Math.floor((data.times[row] - end) / day) + 1)
    known.set(data.cards[row], Math.min(since, known.get(data.cards[row]) ?? since))
  }
  const test = between(data, start, start + testDays * day).filter((row) => {
    const since = known.get(data.cards[row])
    return since === undefined || Math.floor((data.times[row] - start) / day) < since
  })
  return { train: between(data, end - trainDays * day, end), labels: labelsAsKnown(data, start), test, outcomes, start }
}

/** When the judged weeks of the four folds begin; `shift` moves them into the past, to choose by. */
export function starts(shift = 0): number[] {
  return [0, 7, 14, 21].map((later) => Date.UTC(2018, 6, 25) + (later + 7 + delayDays - shift) * day)
}
