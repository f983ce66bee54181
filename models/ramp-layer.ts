/**
 * The dense layer behind the encoding, without encoding: of a feature's ramps all below its value are 1, all above are 0, and at most one
 * is between. What they give together is one row of running sums and a part of one row of the kernel, and what they take from the error
 * likewise: a fifth of the work of encoding a vector and multiplying it (docs/decisions.md). Scores, reasons and training use it alike.
 */
import type { Encoding } from './encoding.ts'

/** Where the ramp of a unit begins. */
const beginOf = ({ scale, shift }: Encoding, u: number) => (-2.5 - shift[u]) / scale[u]

/** Whether units come feature by feature, and rise one after the other, as those of `encodingOf` do: others cannot be summed up. */
export function isRising(encoding: Encoding): boolean {
  const { units, source, scale, shift } = encoding
  for (let u = 0; u < units; u++) {
    if (!(scale[u] > 0)) return false
    if (u === 0 || source[u] > source[u - 1]) continue
    if (source[u] < source[u - 1]) return false
    const end = (2.5 - shift[u - 1]) / scale[u - 1]
    // What overlaps by less than this part of a ramp's length is rounding.
    if (beginOf(encoding, u) < end - (5e-3 * 5) / scale[u]) return false
  }
  return true
}

export class RampLayer {
  readonly #encoding: Encoding
  readonly #columns: number
  /** Ramps of a feature are those from `#starts[feature]` to `#starts[feature + 1]`, rising. */
  readonly #starts: Int32Array
  readonly #begins: Float64Array
  /** For each row and feature the highest ramp that is not 0, -1 where there is none, and its value. */
  #ramps = new Int32Array(0)
  #parts = new Float32Array(0)
  #kernel: Float32Array = new Float32Array(0)
  #bias: Float32Array = new Float32Array(0)
  /** Rows of the kernel, each with all of its feature that come before it. */
  readonly #sums: Float32Array
  readonly #taken: Float32Array
  readonly #row: Float64Array

  /** `encoding` is rising: see `isRising`. */
  constructor(encoding: Encoding, columns: number) {
    const { width, units, source } = encoding
    this.#encoding = encoding
    this.#columns = columns
    this.#starts = new Int32Array(width + 1)
    for (const feature of source) this.#starts[feature + 1]++
    for (let f = 0; f < width; f++) this.#starts[f + 1] += this.#starts[f]
    this.#begins = Float64Array.from({ length: units }, (_, u) => beginOf(encoding, u))
    this.#sums = new Float32Array(units * columns)
    this.#taken = new Float32Array(units * columns)
    this.#row = new Float64Array(columns)
  }

  /** Takes the weights: a row of `columns` for each unit, and `columns`. They are not copied. */
  load(kernel: Float32Array, bias: Float32Array): void {
    this.#kernel = kernel
    this.#bias = bias
    const starts = this.#starts
    const sums = this.#sums
    const columns = this.#columns
    const row = this.#row
    for (let f = 0; f < this.#encoding.width; f++) {
      row.fill(0)
      for (let at = starts[f] * columns; at < starts[f + 1] * columns; at += columns) {
        add(row, 1, kernel, at)
        sums.set(row, at)
      }
    }
  }

  /** Takes `rows` vectors in: what comes is of them. */
  take(vectors: Float32Array, rows: number): void {
    const { width, scale, shift } = this.#encoding
    if (this.#ramps.length < rows * width) {
      this.#ramps = new Int32Array(rows * width)
      this.#parts = new Float32Array(rows * width)
    }
    const starts = this.#starts
    const begins = this.#begins
    const ramps = this.#ramps
    const parts = this.#parts
    for (let at = 0, r = 0; r < rows; r++) {
      for (let f = 0; f < width; f++, at++) {
        const value = vectors[at]
        const first = starts[f]
        let u = starts[f + 1] - 1
        while (u >= first && begins[u] >= value) u--
        ramps[at] = u < first ? -1 : u
        if (u < first) continue
        // Rounded as the layer in float32 does.
        const part = 0.2 * Math.fround(Math.fround(value * scale[u]) + shift[u]) + 0.5
        parts[at] = Math.max(0, Math.min(1, part))
      }
    }
  }

  /** Writes what the weights make of the first `rows` vectors into `out`. */
  forward(rows: number, out: Float32Array): void {
    const columns = this.#columns
    const { width } = this.#encoding
    const starts = this.#starts
    const ramps = this.#ramps
    const parts = this.#parts
    const kernel = this.#kernel
    const sums = this.#sums
    const row = this.#row
    for (let r = 0, at = 0; r < rows; r++) {
      row.set(this.#bias)
      for (let f = 0; f < width; f++, at++) {
        const u = ramps[at]
        if (u < 0) continue
        const part = parts[at]
        if (part === 1) add(row, 1, sums, u * columns)
        else {
          if (u > starts[f]) addBoth(row, sums, (u - 1) * columns, part, kernel, u * columns)
          else add(row, part, kernel, u * columns)
        }
      }
      out.set(row, r * columns)
    }
  }

  /** Writes the gradient of the kernel into `gradient`, by that of what `forward` gave. */
  backward(errors: Float32Array, rows: number, gradient: Float32Array): void {
    const columns = this.#columns
    const { width, units } = this.#encoding
    const starts = this.#starts
    const taken = this.#taken.fill(0)
    const ramps = this.#ramps
    const parts = this.#parts
    gradient.fill(0, 0, units * columns)
    for (let r = 0, at = 0; r < rows; r++) {
      const from = r * columns
      for (let f = 0; f < width; f++, at++) {
        const u = ramps[at]
        if (u < 0) continue
        const part = parts[at]
        // `taken` is for a ramp and all below it.
        if (part === 1) for (let c = 0, k = u * columns; c < columns; c++, k++) taken[k] += errors[from + c]
        else if (u === starts[f]) for (let c = 0, k = u * columns; c < columns; c++, k++) gradient[k] += part * errors[from + c]
        else
          for (let c = 0, k = u * columns; c < columns; c++, k++) {
            gradient[k] += part * errors[from + c]
            taken[k - columns] += errors[from + c]
          }
      }
    }
    for (let f = 0; f < width; f++) {
      const last = (starts[f + 1] - 1) * columns
      for (let k = starts[f + 1] * columns - 1; k >= starts[f] * columns; k--) {
        if (k < last) taken[k] += taken[k + columns]
        gradient[k] += taken[k]
      }
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

/** Adds a row of `sums` and `by` times a row of a table, in three quarters of the time that it takes one after the other. */
function addBoth(row: Float64Array, sums: Float32Array, from: number, by: number, table: Float32Array, at: number): void {
  const length = row.length
  let c = 0
  for (; c + 3 < length; c += 4) {
    row[c] += sums[from + c] + by * table[at + c]
    row[c + 1] += sums[from + c + 1] + by * table[at + c + 1]
    row[c + 2] += sums[from + c + 2] + by * table[at + c + 2]
    row[c + 3] += sums[from + c + 3] + by * table[at + c + 3]
  }
  for (; c < length; c++) row[c] += sums[from + c] + by * table[at + c]
}
