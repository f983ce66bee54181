/**
 * How sure a figure is. Transactions of one card resemble each other, so whole cards are drawn anew, not transactions. A replicate counts
 * how often each card was drawn and weighs its rows by that: the order of the rows stays, nothing is sorted again.
 */
import { randomOf } from '../random.ts'
import type { Numbers, Ranked, Ranking } from './ranked.ts'

export type Metric = (all: Ranked) => number

/** Of 95 %. `replicates`: in how many the figure existed; some may have drawn no fraud. */
export type Interval = { value: number; low: number; high: number; replicates: number }
/** `above`: the share of the replicates in which the second one's figure was higher. */
export type Difference = Interval & { above: number }

type Rows = { labels: Uint8Array; cards: Numbers; weights?: Numbers }
type Options = { replicates?: number; seed?: number }

/** How often each of `cards` cards is drawn when as many are drawn with replacement. The array is the same each time, filled anew. */
export function* draws(cards: number, { replicates = 200, seed = 1 }: Options = {}): Generator<Uint32Array> {
  const random = randomOf(seed)
  const counts = new Uint32Array(cards)
  for (let replicate = 0; replicate < replicates; replicate++) {
    counts.fill(0)
    for (let i = 0; i < cards; i++) counts[Math.floor(random() * cards)]++
    yield counts
  }
}

/** Numbers the cards from 0 in the order of the rows, so that a seed gives the same whatever the scores. */
function numbersOf({ rows }: Ranking, cards: Numbers): Map<number, number> {
  const numbers = new Map<number, number>()
  for (const row of Uint32Array.from(rows).sort()) if (!numbers.has(cards[row])) numbers.set(cards[row], numbers.size)
  return numbers
}

/** A function that sums up the levels with each card counted as often as it was drawn. What it returns is filled anew each time. */
function resampler({ rows, levels, scores }: Ranking, { labels, cards, weights }: Rows, numbers: Map<number, number>) {
  const numbered = Uint32Array.from(rows, (row) => numbers.get(cards[row]) ?? 0)
  const weighed = Float64Array.from(rows, (row) => (weights ? weights[row] : 1))
  const guilty = Uint8Array.from(rows, (row) => labels[row])
  const sums: Ranked = { scores, weights: new Float64Array(scores.length), frauds: new Float64Array(scores.length), weight: 0, fraud: 0 }
  return (counts: Uint32Array): Ranked => {
    sums.weights.fill(0)
    sums.frauds.fill(0)
    sums.weight = 0
    sums.fraud = 0
    for (let i = 0; i < numbered.length; i++) {
      const weight = weighed[i] * counts[numbered[i]]
      sums.weights[levels[i]] += weight
      sums.weight += weight
      if (guilty[i] === 0) continue
      sums.frauds[levels[i]] += weight
      sums.fraud += weight
    }
    return sums
  }
}

/** The value below which this share of the sorted values lies, between two of them in proportion. */
function quantile(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return Number.NaN
  const place = share * (sorted.length - 1)
  const low = Math.floor(place)
  return sorted[low] + (sorted[Math.ceil(place)] - sorted[low]) * (place - low)
}

function intervalOf(value: number, found: readonly number[]): Interval {
  const sorted = Float64Array.from(found.filter((v) => !Number.isNaN(v))).sort()
  return { value, low: quantile(sorted, 0.025), high: quantile(sorted, 0.975), replicates: sorted.length }
}

function differenceOf(value: number, found: readonly number[]): Difference {
  const interval = intervalOf(value, found)
  return { ...interval, above: found.filter((v) => v > 0).length / interval.replicates }
}

/** Runs `measure` on the data as they are, and on each replicate. */
function replicated<Name extends string, Result>(
  names: readonly Name[],
  cards: number,
  options: Options | undefined,
  measure: (counts: Uint32Array) => Record<Name, number>,
  conclude: (value: number, found: readonly number[]) => Result,
): Record<Name, Result> {
  const values = measure(new Uint32Array(cards).fill(1))
  const found = Array.from(draws(cards, options), measure)
  const entries = names.map(
    (name) =>
      [
        name,
        conclude(
          values[name],
          found.map((f) => f[name]),
        ),
      ] as const,
  )
  return Object.fromEntries(entries) as Record<Name, Result>
}

/** Percentile intervals of metrics by card. `labels`, `cards` and `weights` are by the rows that `ranking` names. */
export function intervalsOf<Name extends string>(
  ranking: Ranking,
  rows: Rows,
  metrics: Record<Name, Metric>,
  options?: Options,
): Record<Name, Interval> {
  const names = Object.keys(metrics) as Name[]
  const numbers = numbersOf(ranking, rows.cards)
  const resample = resampler(ranking, rows, numbers)
  return replicated(
    names,
    numbers.size,
    options,
    (counts) => {
      const sums = resample(counts)
      return Object.fromEntries(names.map((name) => [name, metrics[name](sums)])) as Record<Name, number>
    },
    intervalOf,
  )
}

/** The second's figure less the first's, of two rankings of the same rows, both by the same draws. */
export function differencesOf<Name extends string>(
  [first, second]: readonly [Ranking, Ranking],
  rows: Rows,
  metrics: Record<Name, Metric>,
  options?: Options,
): Record<Name, Difference> {
  const names = Object.keys(metrics) as Name[]
  const numbers = numbersOf(first, rows.cards)
  const resamples = [first, second].map((ranking) => resampler(ranking, rows, numbers))
  return replicated(
    names,
    numbers.size,
    options,
    (counts) => {
      const [before, after] = resamples.map((resample) => resample(counts))
      return Object.fromEntries(names.map((name) => [name, metrics[name](after) - metrics[name](before)])) as Record<Name, number>
    },
    differenceOf,
  )
}
