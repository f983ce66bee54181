/**
 * Integrated gradients (Sundararajan, Taly and Yan, 2017): what each feature adds to the logit on the straight way from a baseline to a
 * transaction. Together they are the difference of the two logits.
 *
 * Along that way each ramp of the encoding rises from one time to another. Between two such times what the first matrix gives moves in a
 * straight line, and the gradient behind it, which relu makes constant but for a few places, is taken in the middle of a stretch. A
 * stretch is halved until gradient and logits agree on it. What a ramp adds is its slope times the integral of the gradient from
 * its beginning to its end.
 */
import { createTail } from './gradient.ts'
import type { Network } from './network.ts'
import { createWay } from './way.ts'

export type Attribution = { logit: number; baseline: number }

/** A stretch is halved at most so often. */
const deepest = 10

/** Makes the function; it writes what each feature adds into `out`, and keeps nothing between two calls but its scratch. */
export function createAttribution(network: Network): (from: Float32Array, to: Float32Array, out: Float64Array) => Attribution {
  const [first] = network.layers
  const width = first.units
  const way = createWay(network)
  const tail = createTail(network.layers)
  const gradient = tail.gradient
  const here = new Float64Array(width)
  const speed = new Float64Array(width)
  const middle = new Float64Array(width)
  const integral = new Float64Array(width)
  let sums = new Float64Array(0)
  let allowed = 0

  const slope = (): number => {
    let sum = 0
    for (let i = 0; i < width; i++) sum += gradient[i] * speed[i]
    return sum
  }

  /** Adds the integral of the gradient over a stretch that begins `since` after `here`; `before` and `after` are the logits at its ends. */
  const cross = (since: number, length: number, before: number, after: number, depth: number): void => {
    const change = after - before
    if (Math.abs(change - length * slope()) > allowed) {
      const half = length / 2
      for (let i = 0; i < width; i++) middle[i] = here[i] + (since + half) * speed[i]
      const logit = tail.logit(middle)
      tail.back()
      if (depth < deepest && Math.abs(change - length * slope()) > allowed) {
        cross(since, half, before, logit, depth + 1)
        cross(since + half, half, logit, after, depth + 1)
        return
      }
    }
    for (let i = 0; i < width; i++) integral[i] += length * gradient[i]
  }

  return function attribute(from, to, out) {
    const { times, changes, ramps } = way.lay(from, to)
    const stretches = times.length - 1
    way.end(middle)
    const logit = tail.logit(middle)
    here.set(way.start)
    const baseline = tail.logit(here)
    tail.back()
    allowed = Math.max(0.005 * Math.abs(logit - baseline), 1e-3) / Math.max(1, stretches)
    if (sums.length < times.length * width) sums = new Float64Array(2 * times.length * width)
    speed.fill(0)
    integral.fill(0)
    sums.fill(0, 0, width)
    let before = baseline
    for (let e = 0; e < stretches; e++) {
      const length = times[e + 1] - times[e]
      for (let i = 0, at = e * width; i < width; i++, at++) {
        speed[i] += changes[at]
        middle[i] = here[i] + length * speed[i]
      }
      const after = tail.logit(middle)
      cross(0, length, before, after, 0)
      for (let i = 0; i < width; i++) here[i] += length * speed[i]
      sums.set(integral, (e + 1) * width)
      before = after
    }
    out.fill(0)
    for (const { unit, feature, speed: rate, begin, end } of ramps) {
      let sum = 0
      for (let i = 0, row = unit * width, a = begin * width, b = end * width; i < width; i++, row++, a++, b++)
        sum += first.kernel[row] * (sums[b] - sums[a])
      out[feature] += rate * sum
    }
    return { logit, baseline }
  }
}
