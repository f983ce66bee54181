/**
 * Where the ramps of a feature begin and end. A shallow decision tree on that feature alone chooses its thresholds so that frauds are
 * told best (entropy), leaf by leaf, the most telling split first (Gorishniy, Rubachev and Babenko: On Embeddings for Numerical Features
 * in Tabular Deep Learning, 2022). From training rows only.
 */
import type { Matrix } from '../data/matrix.ts'

export type KnotOptions = {
  /** Most leaves, and thus ramps, of a feature. */
  leaves: number
  /** Least share of the rows, and least number of rows, in a leaf. */
  leafShare: number
  leafRows: number
  /** Least gain in log likelihood (nats) that a split must bring. */
  gain: number
  /**
   * Whether a threshold is two knots, the values on both sides of it, so that what jumps there is a ramp as steep as the data is dense;
   * or one between them.
   */
  jumps: boolean
}

/** Rising distinct values with the rows and the frauds of each. */
type Distinct = { values: Float64Array; rows: Float64Array; frauds: Float64Array }

const float = new Float32Array(1)
const bits = new Int32Array(float.buffer)

/** An integer that orders as the number does, and back. */
function orderOf(value: number): number {
  float[0] = value
  return bits[0] >= 0 ? bits[0] : -(bits[0] & 0x7fffffff)
}
function numberOf(order: number): number {
  bits[0] = order >= 0 ? order : -order | 0x80000000
  return float[0]
}

/** The values of one column, `labels` being 0 or 1. */
export function distinctOf(column: Float32Array, labels: Uint8Array): Distinct {
  const keys = new Float64Array(column.length)
  for (let i = 0; i < column.length; i++) keys[i] = orderOf(column[i]) * 2 + labels[i]
  keys.sort()
  let n = 0
  let found = 0
  const values = new Float64Array(keys.length)
  const rows = new Float64Array(keys.length + 1)
  const frauds = new Float64Array(keys.length + 1)
  for (let i = 0, before = Number.NaN; i < keys.length; i++) {
    const order = Math.floor(keys[i] / 2)
    if (order !== before) {
      values[n++] = numberOf(order)
      before = order
    }
    // Sums up to and with each value, so that any range is one subtraction.
    rows[n] = i + 1
    found += keys[i] - 2 * order
    frauds[n] = found
  }
  return { values: values.subarray(0, n), rows: rows.subarray(0, n + 1), frauds: frauds.subarray(0, n + 1) }
}

/** Log likelihood of a leaf by its own share of frauds. */
function likelihood(rows: number, frauds: number): number {
  const others = rows - frauds
  return (frauds > 0 ? frauds * Math.log(frauds / rows) : 0) + (others > 0 ? others * Math.log(others / rows) : 0)
}

type Leaf = { from: number; to: number; split: number; gain: number }

/** The best split of the values from `from` to before `to`. */
function bestSplit({ rows, frauds }: Distinct, from: number, to: number, leastRows: number): Leaf {
  const whole = likelihood(rows[to] - rows[from], frauds[to] - frauds[from])
  let split = -1
  let gain = 0
  for (let at = from + 1; at < to; at++) {
    const left = rows[at] - rows[from]
    const right = rows[to] - rows[at]
    if (left < leastRows) continue
    if (right < leastRows) break
    const fraudsLeft = frauds[at] - frauds[from]
    const better = likelihood(left, fraudsLeft) + likelihood(right, frauds[to] - frauds[from] - fraudsLeft) - whole
    if (better > gain) {
      gain = better
      split = at
    }
  }
  return { from, to, split, gain }
}

/** The value below which `share` of the rows are. */
function quantile({ values, rows }: Distinct, share: number): number {
  const wanted = share * rows[values.length]
  let i = 1
  while (i < values.length && rows[i] < wanted) i++
  return values[i - 1]
}

/**
 * Rising knots of one feature: between each two lies a ramp. None where all rows have the same value; two where nothing tells frauds
 * apart, or there are but two values.
 */
export function knotsOf(distinct: Distinct, { leaves, leafShare, leafRows, gain, jumps }: KnotOptions): number[] {
  const { values, rows } = distinct
  if (values.length < 2) return []
  if (values.length === 2) return [values[0], values[1]]
  const leastRows = Math.max(leafRows, leafShare * rows[values.length])
  const grown = [bestSplit(distinct, 0, values.length, leastRows)]
  const thresholds: number[] = []
  while (grown.length < leaves) {
    const best = grown.reduce((a, b) => (b.gain > a.gain ? b : a))
    if (best.split < 0 || best.gain < gain) break
    grown.splice(
      grown.indexOf(best),
      1,
      bestSplit(distinct, best.from, best.split, leastRows),
      bestSplit(distinct, best.split, best.to, leastRows),
    )
    const sides = [values[best.split - 1], values[best.split]]
    thresholds.push(...(jumps ? sides : [(sides[0] + sides[1]) / 2]))
  }
  const low = quantile(distinct, 0.001)
  const high = quantile(distinct, 0.999)
  const ends = low < high ? [low, high] : [values[0], values[values.length - 1]]
  return apart([...ends, ...thresholds].sort((a, b) => a - b))
}

/** Leaves out knots so close to the one before that float32 could not tell what lies between. */
function apart(knots: number[]): number[] {
  const kept: number[] = []
  for (const knot of knots) {
    const before = kept.at(-1)
    if (before === undefined || knot - before > 1e-4 * Math.max(Math.abs(before), Math.abs(knot))) kept.push(knot)
  }
  return kept.length < 2 ? [knots[0], knots[knots.length - 1]] : kept
}

/** The knots of every feature, from the given rows and their labels; at most `most` rows are looked at, evenly chosen. */
export function knotsOfAll(matrix: Matrix, rows: Uint32Array, labels: Uint8Array, options: KnotOptions, most = 600_000): number[][] {
  const every = Math.max(1, rows.length / most)
  const n = Math.floor(rows.length / every)
  const columns = Array.from({ length: matrix.width }, () => new Float32Array(n))
  const said = new Uint8Array(n)
  const block = 4096
  const places = new Uint32Array(block)
  const values = new Float32Array(block * matrix.width)
  for (let from = 0; from < n; from += block) {
    const count = Math.min(block, n - from)
    for (let i = 0; i < count; i++) places[i] = rows[Math.floor((from + i) * every)]
    matrix.gather(places.subarray(0, count), values)
    for (let i = 0; i < count; i++) {
      said[from + i] = labels[places[i]]
      for (let f = 0; f < matrix.width; f++) columns[f][from + i] = values[i * matrix.width + f]
    }
  }
  return columns.map((column) => knotsOf(distinctOf(column, said), options))
}
