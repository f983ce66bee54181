/**
 * The first matrix of a perceptron behind the encoding, without encoding: of a feature's ramps all below its value are 1, so that what
 * they give together is a running sum, and what they take from the error likewise. It costs a few rows of the matrix a feature instead of
 * one a ramp (docs/decisions.md).
 */
import type { Encoding } from '../encoding.ts'

export class RampLayer {
  readonly columns: number
  readonly #encoding: Encoding
  /** Ramps of a feature are those from `#starts[feature]` to `#starts[feature + 1]`, rising. */
  readonly #starts: Int32Array
  readonly #begins: Float64Array
  /** For each row and feature the highest ramp that is not 0, -1 where there is none, and its value. */
  readonly #ramps: Int32Array
  readonly #parts: Float32Array
  readonly #sums: Float32Array
  readonly #taken: Float32Array
  readonly #row: Float64Array

  /** `encoding` is of `encodingOf`, whose ramps rise feature by feature; at most `rows` vectors are taken at once. */
  constructor(encoding: Encoding, columns: number, rows: number) {
    const { width, units, source, scale, shift } = encoding
    this.columns = columns
    this.#encoding = encoding
    this.#starts = new Int32Array(width + 1)
    for (const feature of source) this.#starts[feature + 1]++
    for (let f = 0; f < width; f++) this.#starts[f + 1] += this.#starts[f]
    this.#begins = Float64Array.from({ length: units }, (_, u) => (-2.5 - shift[u]) / scale[u])
    this.#ramps = new Int32Array(rows * width)
    this.#parts = new Float32Array(rows * width)
    this.#sums = new Float32Array(units * columns)
    this.#taken = new Float32Array(units * columns)
    this.#row = new Float64Array(columns)
  }

  /** Takes `rows` vectors in: what comes is of them. */
  take(vectors: Float32Array, rows: number): void {
    const { width, scale, shift } = this.#encoding
    const starts = this.#starts
    const begins = this.#begins
    const ramps = this.#ramps
    const parts = this.#parts
    for (let at = 0, r = 0; r < rows; r++) {
      for (let f = 0; f < width; f++, at++) {
        const value = vectors[at]
        let u = starts[f + 1] - 1
        while (u >= starts[f] && begins[u] >= value) u--
        ramps[at] = u < starts[f] ? -1 : u
        if (u < starts[f]) continue
        const part = 0.2 * Math.fround(Math.fround(value * scale[u]) + shift[u]) + 0.5
        parts[at] = Math.max(0, Math.min(1, part))
      }
    }
  }

  /** Writes what kernel and bias make of the first `rows` vectors into `out`. */
  forward(kernel: Float32Array, bias: Float32Array, rows: number, out: Float32Array): void {
    const { columns } = this
    const { width } = this.#encoding
    const starts = this.#starts
    const sums = this.#sums
    const ramps = this.#ramps
    const parts = this.#parts
    for (let f = 0; f < width; f++)
      for (let at = starts[f] * columns, first = at + columns, end = starts[f + 1] * columns; at < end; at++)
        sums[at] = at < first ? kernel[at] : sums[at - columns] + kernel[at]
    const row = this.#row
    for (let r = 0, at = 0; r < rows; r++) {
      row.set(bias)
      for (let f = 0; f < width; f++, at++) {
        const u = ramps[at]
        if (u < 0) continue
        const part = parts[at]
        if (part === 1) for (let c = 0, k = u * columns; c < columns; c++, k++) row[c] += sums[k]
        else if (u === starts[f]) for (let c = 0, k = u * columns; c < columns; c++, k++) row[c] += part * kernel[k]
        else for (let c = 0, k = u * columns; c < columns; c++, k++) row[c] += sums[k - columns] + part * kernel[k]
      }
      out.set(row, r * columns)
    }
  }

  /** Writes the gradient of the kernel into `gradient`, by that of what `forward` gave. */
  backward(errors: Float32Array, rows: number, gradient: Float32Array): void {
    const { columns } = this
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
