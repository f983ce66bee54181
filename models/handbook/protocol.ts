/**
 * The folds of the handbook (Le Borgne, Siblini, Lebichot and Bontempi: Reproducible Machine Learning for Credit Card Fraud Detection,
 * 2022): a week to learn from, a week until its labels are known, a week to be judged on, four times. A longer training period grows
 * backwards from the same end. A card that is known to be compromised is judged no more.
 */
import { type Dataset, fraud, labelsAsKnown, rowAt } from '../data/dataset.ts'
import { foldsOf, type RowRange } from '../evaluation/folds.ts'

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

const rowsIn = ({ from, to }: RowRange): Uint32Array => Uint32Array.from({ length: to - from }, (_, i) => from + i)

/** A card is known by its frauds of the week before the delay, and day by day by those of the delay: the day from which it is judged no more. */
function compromised({ times, cards }: Dataset, outcomes: Uint8Array, start: number): Map<number, number> {
  const end = start - delayDays * day
  const since = new Map<number, number>()
  for (let row = rowAt({ times }, end - 7 * day); row < rowAt({ times }, start); row++) {
    if (outcomes[row] !== fraud) continue
    const from = Math.max(0, Math.floor((times[row] - end) / day) + 1)
    since.set(cards[row], Math.min(from, since.get(cards[row]) ?? from))
  }
  return since
}

/** The four folds, whose training is `trainDays` long; `shift` days earlier, to choose by. */
export function handbookFolds(data: Dataset, trainDays: number, shift = 0): Fold[] {
  const outcomes = labelsAsKnown(data, Number.POSITIVE_INFINITY)
  const end = Date.UTC(2018, 8, 5) - shift * day
  return foldsOf(data.times, { trainDays, delayDays, testDays, folds: 4, end }).map(({ train, test, start }) => {
    const known = compromised(data, outcomes, start)
    const judged = rowsIn(test).filter((row) => Math.floor((data.times[row] - start) / day) < (known.get(data.cards[row]) ?? testDays))
    return { train: rowsIn(train), labels: labelsAsKnown(data, start), test: judged, outcomes, start }
  })
}
