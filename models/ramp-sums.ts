/**
 * What the matrix behind the encoding gives, by tables. Of a feature's ramps all below its value are 1, all above are 0, and at most one is
 * between: the sum over them is one row of running sums, and a part of one row of the matrix. That is a fifth of the work of encoding a
 * vector and multiplying it (docs/decisions.md).
 */
import type { Encoding } from './encoding.ts'

/** Writes the products of `rows` encoded vectors with the matrix, its bias added, into `out`. */
export type RampSums = (features: Float32Array, rows: number, out: Float32Array) => void

/**
 * `kernel` has a row of `columns` for each unit of the encoding, `bias` has `columns`. Undefined where a feature's ramps overlap or fall,
 * which those between knots do not.
 */
export function createRampSums(encoding: Encoding, kernel: Float32Array, bias: Float32Array): RampSums | undefined {
  const { width, units, source, scale, shift } = encoding
  const columns = bias.length
  const begin = (u: number) => (-2.5 - shift[u]) / scale[u]
  const end = (u: number) => (2.5 - shift[u]) / scale[u]
  const order = Int32Array.from({ length: units }, (_, u) => u).sort((a, b) => source[a] - source[b] || begin(a) - begin(b))
  const starts = new Int32Array(width + 1)
  for (const feature of source) starts[feature + 1]++
  for (let f = 0; f < width; f++) starts[f + 1] += starts[f]

  // In the order of the tables: where each ramp begins, what makes a value into a part of it, its own row, and the sum of all up to it.
  const begins = Float64Array.from(order, begin)
  const scales = Float32Array.from(order, (u) => scale[u])
  const shifts = Float32Array.from(order, (u) => shift[u])
  const own = new Float32Array(units * columns)
  const sums = new Float32Array(units * columns)
  const sum = new Float64Array(columns)
  for (let f = 0; f < width; f++) {
    sum.fill(0)
    for (let k = starts[f]; k < starts[f + 1]; k++) {
      const u = order[k]
      if (!(scale[u] > 0)) return undefined
      // Knots are further apart than this; what overlaps by less is rounding.
      if (k > starts[f] && begins[k] < end(order[k - 1]) - 1e-3 * (end(u) - begins[k])) return undefined
      own.set(kernel.subarray(u * columns, (u + 1) * columns), k * columns)
      add(sum, 1, own, k * columns)
      sums.set(sum, k * columns)
    }
  }
  const row = new Float64Array(columns)

  return function rampSums(features, rows, out) {
    for (let r = 0, from = 0; r < rows; r++, from += width) {
      row.set(bias)
      for (let f = 0; f < width; f++) {
        const value = features[from + f]
        const first = starts[f]
        let k = starts[f + 1] - 1
        while (k >= first && begins[k] >= value) k--
        if (k < first) continue
        // Rounded as the layer in float32 does.
        const part = 0.2 * Math.fround(Math.fround(value * scales[k]) + shifts[k]) + 0.5
        if (part >= 1) add(row, 1, sums, k * columns)
        else {
          if (k > first) add(row, 1, sums, (k - 1) * columns)
          if (part > 0) add(row, part, own, k * columns)
        }
      }
      out.set(row, r * columns)
    }
  }
}

/** Adds `by` times a row of a table. Four at once, which takes two thirds of the time. */
function add(row: Float64Array, by: number, table: Float32Array, at: number): void {
  const length = row.length
  let c = 0
  for (; c + 3 < length; c += 4) {
    row[c] += by * table[at + c]
    row[c + 1] += by * table[at + c + 1]
    row[c + 2] += by * table[at + c + 2]
    row[c + 3] += by * table[at + c + 3]
  }
  for (; c < length; c++) row[c] += by * table[at + c]
}
