/**
 * Integrated gradients (Sundararajan, Taly and Yan, 2017): what each feature adds to the logit on the straight way from a baseline to a
 * transaction. Together they are the difference of the two logits.
 *
 * Along that way each ramp of the encoding rises from one time to another. Between two such times what the first matrix gives moves in a
 * straight line, and the gradient behind it is constant as long as relu lets the same units through. Where it does not, the gradient is
 * that in the middle of the stretch, which is halved until gradient and logits agree. What a ramp adds is its slope times the integral of the gradient from
 * its beginning to its end.
 */
import { createTail } from './gradient.ts'
import type { Network } from './network.ts'
import { createWay, type Laid } from './way.ts'

export type Attribution = { logit: number; baseline: number }

/**
 * How far gradient and logits may differ, as a part of the whole difference shared among the stretches. What they miss is of either sign, so
 * that less comes of it; where the sum is not within `whole` of the difference, all is done again with an eighth of it.
 */
const tolerance = 0.01
const whole = 0.008

/**
 * Ramps begin and end at multiples of one in so many. What is added up stays whole whatever the number is; how it is shared among the
 * features hardly depends on it (on simulated alerts 2 % of it lie elsewhere than with a thousand times as many), while each costs a pass through the network.
 */
const usualInstants = 64

/** A stretch is halved at most so often. */
const deepest = 10

/** Makes the function; it writes what each feature adds into `out`, and keeps nothing between two calls but its scratch. */
export function createAttribution(
  network: Network,
  instants = usualInstants,
): (from: Float32Array, to: Float32Array, out: Float64Array) => Attribution {
  const [first] = network.layers
  const width = first.units
  const way = createWay(network, instants)
  const tail = createTail(network.layers)
  const gradient = tail.gradient
  const here = new Float64Array(width)
  const speed = new Float64Array(width)
  const middle = new Float64Array(width)
  const integral = new Float64Array(width)
  const sums = new Float64Array((instants + 1) * width)
  let allowed = 0
  /** The pattern whose slope `gradient` is. */
  let known = 0

  const slope = (): number => {
    let sum = 0
    for (let i = 0; i < width; i++) sum += gradient[i] * speed[i]
    return sum
  }

  /** Adds the integral of the gradient over a stretch that begins `since` after `here`, by logit and pattern at its ends. */
  const cross = (since: number, length: number, before: number, from: number, after: number, to: number, depth: number): void => {
    if (from !== to || from !== known) {
      const half = length / 2
      for (let i = 0; i < width; i++) middle[i] = here[i] + (since + half) * speed[i]
      const logit = tail.logit(middle)
      const { pattern } = tail
      if (pattern !== known) {
        tail.back()
        known = pattern
      }
      if (from !== to && depth < deepest && Math.abs(after - before - length * slope()) > allowed) {
        cross(since, half, before, from, logit, pattern, depth + 1)
        cross(since + half, half, logit, pattern, after, to, depth + 1)
        return
      }
    }
    for (let i = 0; i < width; i++) integral[i] += length * gradient[i]
  }

  /** Integrates along the way that is laid, and writes what each feature adds; returns the sum. */
  const walk = ({ times, changes, ramps }: Laid, out: Float64Array): number => {
    const stretches = times.length - 1
    here.set(way.start)
    let before = tail.logit(here)
    let from = tail.pattern
    known = from
    tail.back()
    speed.fill(0)
    integral.fill(0)
    sums.fill(0, 0, width)
    for (let e = 0; e < stretches; e++) {
      const length = times[e + 1] - times[e]
      for (let i = 0, at = e * width; i < width; i++, at++) {
        speed[i] += changes[at]
        middle[i] = here[i] + length * speed[i]
      }
      const after = tail.logit(middle)
      const to = tail.pattern
      cross(0, length, before, from, after, to, 0)
      for (let i = 0; i < width; i++) here[i] += length * speed[i]
      sums.set(integral, (e + 1) * width)
      before = after
      from = to
    }
    out.fill(0)
    let all = 0
    for (let n = 0; n < ramps.length; n++) {
      const { unit, feature, speed: rate, begin, end } = ramps[n]
      let sum = 0
      for (let i = 0, row = unit * width, a = begin * width, b = end * width; i < width; i++, row++, a++, b++)
        sum += first.kernel[row] * (sums[b] - sums[a])
      out[feature] += rate * sum
      all += rate * sum
    }
    return all
  }

  return function attribute(from, to, out) {
    const laid = way.lay(from, to)
    way.end(middle)
    const logit = tail.logit(middle)
    const baseline = tail.logit(way.start)
    const difference = Math.max(Math.abs(logit - baseline), 0.01)
    for (let share = tolerance; share > tolerance / 1000; share /= 8) {
      allowed = (share * difference) / (laid.times.length - 1)
      if (Math.abs(walk(laid, out) - (logit - baseline)) <= whole * difference) break
    }
    return { logit, baseline }
  }
}
