/** What lies behind the first matrix: from its output to the logit, and the logit's slope back to it. */
import type { Network } from './network.ts'

type Tail = {
  /** The logit that `output`, before its activation, leads to. */
  logit(output: Float64Array): number
  /** Writes the slope of the last logit by that output into `gradient`. */
  back(): void
  gradient: Float64Array
  /** Stands for the units that the last logit went through: those with one pattern have one slope. */
  pattern: number
}

export function createTail(layers: Network['layers']): Tail {
  const last = layers.length - 1
  const values = layers.map((l) => new Float64Array(l.units))
  const slopes = layers.map((l) => new Float64Array(l.units).fill(1))
  const smooth = layers.slice(0, last).some((l) => l.activation !== 'relu')
  return {
    gradient: slopes[0],
    pattern: 0,
    logit(output) {
      values[0].set(output)
      let pattern = 0
      for (let l = 0; l < last; l++) {
        const { units, kernel, bias, from, to } = layers[l + 1]
        const own = values[l]
        const next = values[l + 1]
        const { activation } = layers[l]
        const relu = activation === 'relu'
        next.set(bias)
        for (let i = 0; i < own.length; i++) {
          const x = relu ? Math.max(0, own[i]) : activate(activation, own[i])
          if (x === 0) continue
          pattern = Math.imul((pattern >>> 15) ^ pattern ^ (i + 1), 0x9e3779b1)
          addRow(next, from[i], to[i] - from[i], x, kernel, i * units + from[i])
        }
      }
      // Where it is smooth, no two outputs have one slope.
      this.pattern = smooth ? this.pattern + 1 : pattern
      return values[last][0]
    },
    back() {
      for (let l = last; l > 0; l--) {
        const { units, kernel, from, to } = layers[l]
        const above = slopes[l]
        const below = slopes[l - 1]
        const own = values[l - 1]
        const { activation } = layers[l - 1]
        for (let i = 0; i < below.length; i++) {
          const slope = slopeOf(activation, own[i])
          below[i] = slope === 0 ? 0 : slope * rowTimes(above, from[i], to[i], kernel, i * units)
        }
      }
    },
  }
}

/** Adds `by` times `count` numbers of a kernel to `into`, each from its place on. Four at once, which takes two thirds of the time. */
export function addRow(into: Float64Array, place: number, count: number, by: number, kernel: Float64Array, row: number): void {
  const end = place + count
  let u = place
  let at = row
  for (; u + 3 < end; u += 4, at += 4) {
    into[u] += by * kernel[at]
    into[u + 1] += by * kernel[at + 1]
    into[u + 2] += by * kernel[at + 2]
    into[u + 3] += by * kernel[at + 3]
  }
  for (; u < end; u++, at++) into[u] += by * kernel[at]
}

/** The product of `vector` and a row of a kernel. */
function rowTimes(vector: Float64Array, from: number, end: number, kernel: Float64Array, row: number): number {
  let [a, b, c, d] = [0, 0, 0, 0]
  let u = from
  let at = row + from
  for (; u + 3 < end; u += 4, at += 4) {
    a += vector[u] * kernel[at]
    b += vector[u + 1] * kernel[at + 1]
    c += vector[u + 2] * kernel[at + 2]
    d += vector[u + 3] * kernel[at + 3]
  }
  for (; u < end; u++, at++) a += vector[u] * kernel[at]
  return a + b + (c + d)
}

const activate = (activation: string, x: number): number => (activation === 'tanh' ? Math.tanh(x) : x)

const slopeOf = (activation: string, x: number): number =>
  activation === 'relu' ? (x > 0 ? 1 : 0) : activation === 'tanh' ? 1 - Math.tanh(x) ** 2 : 1
