/** One column of numbers in bins that never change, and the population stability index of later numbers in the same bins. */

/**
 * Of one column. Bins are the special value by itself, if there is one, then intervals: the first up to the
 * first edge, which is in it, each next one from beyond an edge up to the next, the last beyond the last edge.
 */
export type Bins = {
  /** The most frequent exact value, where more than a tenth of the rows have it. */
  special?: number
  /** Rising. */
  edges: number[]
  /** Of all rows, in the order of the bins. With `missing` they come to 1. */
  shares: number[]
  /** Share of the rows that have no finite number. */
  missing: number
}

const intervals = 10
const specialShare = 0.1
/** To seven places, for a manifest. */
const rounded = (share: number) => Math.round(share * 1e7) / 1e7

/** The bin of a value that is finite. */
export function binOf({ special, edges }: Pick<Bins, 'special' | 'edges'>, value: number): number {
  if (value === special) return 0
  let i = 0
  while (i < edges.length && value > edges[i]) i++
  return special === undefined ? i : i + 1
}

/** The value that most of `sorted` have, and how many. */
function mostFrequent(sorted: Float32Array): { value: number; count: number } {
  let best = { value: Number.NaN, count: 0 }
  for (let from = 0, i = 1; i <= sorted.length; i++) {
    if (i < sorted.length && sorted[i] === sorted[from]) continue
    if (i - from > best.count) best = { value: sorted[from], count: i - from }
    from = i
  }
  return best
}

/** Bins of a column: tenths of the values that are not special; fewer where values repeat. */
export function binsOfColumn(values: Float32Array): Bins {
  const finite = values.filter((v) => Number.isFinite(v)).sort()
  const { value, count } = mostFrequent(finite)
  const special = count > specialShare * values.length ? { special: value + 0 } : {}
  const rest = count > specialShare * values.length ? finite.filter((v) => v !== value) : finite
  const last = rest.at(-1) ?? 0
  const tenths = Array.from({ length: intervals - 1 }, (_, i) => rest[Math.ceil(((i + 1) * rest.length) / intervals) - 1])
  const edges = rest.length === 0 ? [] : [...new Set(tenths)].filter((edge) => edge !== undefined && edge < last)
  const bins = { ...special, edges }
  const counts = new Array<number>(edges.length + ('special' in special ? 2 : 1)).fill(0)
  for (const v of finite) counts[binOf(bins, v)]++
  const all = Math.max(1, values.length)
  return { ...bins, shares: counts.map((n) => rounded(n / all)), missing: rounded((values.length - finite.length) / all) }
}

/** A share that is smaller counts as this, so that an empty bin does not weigh without end. */
const smallestShare = 1e-4

/** The same of any value: one that is missing has its place after the bins. */
export const placeOf = (bins: Bins, value: number) => (Number.isFinite(value) ? binOf(bins, value) : bins.shares.length)

/** Rows of a column in the bins, and those without a number at the end. */
export function countIn(bins: Bins, values: Iterable<number>): number[] {
  const counts = new Array<number>(bins.shares.length + 1).fill(0)
  for (const value of values) counts[placeOf(bins, value)]++
  return counts
}

/**
 * The index: the sum over bins of (now - then) ln(now / then), of counts in the order of `countIn`. An empty bin counts as half a row, or
 * as `smallestShare` where that is more.
 */
export function psiOf({ shares, missing }: Bins, counts: readonly number[]): number {
  const rows = counts.reduce((sum, n) => sum + n, 0)
  if (rows === 0) return 0
  const floor = Math.max(smallestShare, 0.5 / rows)
  return [...shares, missing].reduce((sum, share, i) => {
    const then = Math.max(share, floor)
    const now = Math.max(counts[i] / rows, floor)
    return sum + (now - then) * Math.log(now / then)
  }, 0)
}
