/** Which rows a model learns from, by which it is chosen, and by which it is judged: one after the other in time. */
import { AssayError } from '../../services/shared/errors.ts'
import { type Dataset, fraud, labelsAsKnown, rowAt, unknown } from '../data/dataset.ts'

/** Rows, with the labels (by the data set's rows) that hold for them. */
export type Period = { rows: Uint32Array; labels: Uint8Array }
export type Periods = { train: Period; validation: Period; test: Period /** When the judged period begins. */; start: number }

/** With fewer a network learns their accidents. */
export const fewestFrauds = 50

const rowsWith = (from: number, to: number, labels: Uint8Array): Period => {
  const rows: number[] = []
  for (let row = from; row < to; row++) if (labels[row] !== unknown) rows.push(row)
  return { rows: Uint32Array.from(rows), labels }
}

/** Frauds of a period. */
export function fraudsOf({ rows, labels }: Period): number {
  let frauds = 0
  for (const row of rows) if (labels[row] === fraud) frauds++
  return frauds
}

/** Throws `too_few_frauds` or `one_class_only` for a period from which nothing can be learnt. */
export function checkEnough(name: string, period: Period): void {
  const frauds = fraudsOf(period)
  const { length } = period.rows
  if (frauds === length && length > 0)
    throw new AssayError(
      'one_class_only',
      `All ${length} labelled transactions of the ${name} period are frauds; genuine ones are needed too`,
    )
  if (frauds < fewestFrauds)
    throw new AssayError(
      'too_few_frauds',
      `The ${name} period has ${frauds} known frauds among ${length} transactions; at least ${fewestFrauds} are needed. Take a longer time`,
      { details: { period: name, frauds, needed: fewestFrauds } },
    )
}

/** The instant as of which the data set was read, or the last of which it knows anything. */
export function endOf({ at, times, labels }: Dataset): number {
  return at ?? Math.max(times.at(-1) ?? 0, labels.knownAt.at(-1) ?? 0)
}

/**
 * The last `testShare` of the time, by which a model is judged. Of a real data set only mature rows are judged; a simulation knows the
 * truth of all.
 */
export function judgedPeriodOf(data: Dataset, testShare: number, at = endOf(data)): { test: Period; start: number } {
  const { times, maturity, truth, rows } = data
  const outcomes = truth ?? labelsAsKnown(data, at)
  const judged = truth ? rows : rowAt(data, at - maturity)
  if (judged < 2) throw new AssayError('data_too_short', 'No transaction is old enough for its label to be known: take a longer time')
  const start = times[judged - 1] - testShare * (times[judged - 1] - times[0])
  return { test: rowsWith(rowAt(data, start), judged, outcomes), start }
}

/**
 * What is learnt from had labels that were complete when the judged period began: a row that was not mature by then is left out, since
 * its fraud may not have been reported yet.
 */
export function periodsOf(
  data: Dataset,
  { validationShare, testShare }: { validationShare: number; testShare: number },
  at = endOf(data),
): Periods {
  const { times, maturity } = data
  const { test, start } = judgedPeriodOf(data, testShare, at)
  const labels = labelsAsKnown(data, start)
  const mature = rowAt(data, start - maturity)
  if (mature < 2)
    throw new AssayError(
      'data_too_short',
      `Between the first transaction and the judged period lie less than the ${Math.round(maturity / 86_400_000)} days until labels are known: take a longer time`,
    )
  const from = rowAt(data, times[mature - 1] - validationShare * (times[mature - 1] - times[0]))
  const train = rowsWith(0, from, labels)
  const validation = rowsWith(from, mature, labels)
  checkEnough('training', train)
  checkEnough('validation', validation)
  return { train, validation, test, start }
}
