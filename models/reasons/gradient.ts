/** What lies behind the first matrix: from its output to the logit, and the logit's slope back to it. */
import type { Network } from './network.ts'

export type Tail = {
  /** The logit that `output`, before its activation, leads to. */
  logit(output: Float64Array): number
  /** Writes the slope of the last logit by that output into `gradient`. */
  back(): void
  gradient: Float64Array
}

export function createTail(layers: Network['layers']): Tail {
  const last = layers.length - 1
  const values = layers.map((l) => new Float64Array(l.units))
  const slopes = layers.map((l) => new Float64Array(l.units).fill(1))
  return {
    gradient: slopes[0],
    logit(output) {
      values[0].set(output)
      for (let l = 0; l < last; l++) {
        const { units, kernel, bias, from, to } = layers[l + 1]
        const own = values[l]
        const next = values[l + 1]
        const { activation } = layers[l]
        next.set(bias)
        for (let i = 0; i < own.length; i++) {
          const x = activate(activation, own[i])
          if (x === 0) continue
          for (let u = from[i], end = to[i], at = i * units + u; u < end; u++, at++) next[u] += x * kernel[at]
        }
      }
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
          let sum = 0
          if (slope !== 0) for (let u = from[i], end = to[i], at = i * units + u; u < end; u++, at++) sum += above[u] * kernel[at]
          below[i] = slope * sum
        }
      }
    },
  }
}

const activate = (activation: string, x: number): number =>
  activation === 'relu' ? (x > 0 ? x : 0) : activation === 'tanh' ? Math.tanh(x) : x

const slopeOf = (activation: string, x: number): number =>
  activation === 'relu' ? (x > 0 ? 1 : 0) : activation === 'tanh' ? 1 - Math.tanh(x) ** 2 : 1
