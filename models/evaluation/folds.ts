/** Periods to train on and to judge by, one after the other in time, as a model would be trained anew while it serves. */
import { AssayError } from '../../services/shared/errors.ts'
import { rowAt } from '../data/dataset.ts'

const day = 86_400_000

/** Rows from `from` to before `to`. */
export type RowRange = { from: number; to: number }

export type PrequentialFold = {
  train: RowRange
  test: RowRange
  /** When the judged period begins, milliseconds since 1970: what was known then may be learnt from. */
  start: number
}

export type FoldOptions = {
  /** Infinity: all that came before. */
  trainDays: number
  /** Between the end of training and the judged period: labels are not known yet. */
  delayDays: number
  testDays: number
  folds: number
  /** Days from one fold to the next; as many as are judged where nothing is said. */
  step?: number
  /** Where the last judged period ends, milliseconds since 1970; just behind the last row where nothing is said. */
  end?: number
}

/** The folds, oldest first; `times` rise. Throws `data_too_short` where the data do not reach back far enough. */
export function foldsOf(times: Float64Array, options: FoldOptions): PrequentialFold[] {
  const { trainDays, delayDays, testDays, folds, step = testDays, end = (times.at(-1) ?? 0) + 1 } = options
  return Array.from({ length: folds }, (_, i) => {
    const start = end - (testDays + step * (folds - 1 - i)) * day
    const trained = start - delayDays * day
    const began = trained - trainDays * day
    const range = (from: number, to: number): RowRange => ({ from: rowAt({ times }, from), to: rowAt({ times }, to) })
    const fold = { train: range(began, trained), test: range(start, start + testDays * day), start }
    // The first day's first row comes some hours after it began.
    const short = Number.isFinite(began) && !(times[0] - began < day)
    if (short || fold.train.from === fold.train.to || fold.test.from === fold.test.to)
      throw new AssayError(
        'data_too_short',
        `Fold ${i + 1} of ${folds} would be judged from ${new Date(start).toISOString()} on and lacks data: take fewer folds, shorter periods or a longer time`,
        { details: { fold: i + 1, start } },
      )
    return fold
  })
}
