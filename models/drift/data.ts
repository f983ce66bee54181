/** The same of a data set from a file or a simulation, whose scores are the model's. */
import { AssayError } from '../../services/shared/errors.ts'
import { type Dataset, fraud, labelsAsKnown, rowAt, unknown } from '../data/dataset.ts'
import { scoresOf } from '../evaluation/of-dataset.ts'
import type { Scorer } from '../scorer.ts'
import { endOf } from '../training/periods.ts'
import { Outcomes } from './calibration.ts'
import { countRows } from './counts.ts'
import { dayIndex, wholeDaysBefore } from './days.ts'
import { createDays, driftOfDays, type Watched } from './watched.ts'

const day = 86_400_000
const calibrationDays = 28
const zone = 'UTC'

const rowsBetween = (data: Dataset, from: number, to: number): Uint32Array => {
  const first = rowAt(data, from)
  return Uint32Array.from({ length: Math.max(0, rowAt(data, to) - first) }, (_, i) => first + i)
}

/** Compares a time of the data, its last seven whole days unless given. Labels count that are known when the data ends. */
export function driftOfData(
  data: Dataset,
  scorer: Scorer,
  given: { name: string; from?: number | undefined; to?: number | undefined },
): Watched {
  const { times, maturity, truth } = data
  const end = times[times.length - 1]
  const to = given.to ?? wholeDaysBefore(end, zone).to
  const from = given.from ?? wholeDaysBefore(to, zone).from
  if (from >= to) throw new AssayError('option_invalid', '--from must be before --to')
  const { manifest } = scorer
  const rows = rowsBetween(data, from, to)
  const days = createDays(manifest.bins, manifest.features, { from, to }, zone)
  countRows({ matrix: data.matrix, rows, scores: scoresOf(scorer, data, rows) }, (i) => days.counts[dayIndex(days.starts, times[rows[i]])])

  const known = truth ?? labelsAsKnown(data, endOf(data))
  const mature = Math.min(to, truth ? end : endOf(data) - maturity)
  const span = { from: Math.min(from, mature - calibrationDays * day), to: mature }
  const judged = rowsBetween(data, span.from, span.to).filter((row) => known[row] !== unknown)
  const outcomes = new Outcomes()
  for (const [i, score] of scoresOf(scorer, data, judged).entries())
    outcomes.add(score, known[judged[i]] === fraud, data.weights[judged[i]])
  const calibration = outcomes.calibration(span)
  return {
    of: given.name,
    model: { name: manifest.name },
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    zone,
    transactions: rows.length,
    rows: rows.length,
    otherFeatures: 0,
    rescored: 0,
    ...driftOfDays(days, from - times[0]),
    ...(calibration && { calibration }),
  }
}
