/**
 * Integrated gradients (Sundararajan, Taly and Yan, 2017): what each feature adds to the logit on the straight way from a baseline to a
 * transaction. Together they are the difference of the two logits.
 *
 * Along that way each ramp of the encoding rises from one time to another. Between two such times what the first matrix gives moves in a
 * straight line, and the gradient behind it is constant as long as relu lets the same units through. A stretch on which it changes is shared
 * between the gradients at its two ends so that they come to the difference of the logits there, which is exact where it changes once.
 * Where no share does, and where it is long, the stretch is halved. What a ramp adds is its slope times the integral of the gradient from its beginning to its end.
 */
import { createTail } from './gradient.ts'
import type { Network } from './network.ts'
import { createWay, type Laid } from './way.ts'

export type Attribution = { logit: number; baseline: number }

/** How far the logits and what the gradients come to may differ: as a part of the whole difference, shared among the stretches. */
const tolerance = 0.008

/**
 * Ramps begin and end at multiples of one in so many. What is added up stays whole whatever the number is; how it is shared among the
 * features hardly depends on it (on simulated alerts 0.8 % of it lie elsewhere than with hundreds of times as many), while each costs a pass through the network.
 */
const usualInstants = 32

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
  const here = new Float64Array(width)
  const speed = new Float64Array(width)
  const middle = new Float64Array(width)
  const longest = 2 / instants
  const integral = new Float64Array(width)
  const sums = new Float64Array((instants + 1) * width)
  /** The gradient where the way has come to, and the pattern that it is of. */
  const gradient = new Float64Array(width)
  let pattern = 0
  let allowed = 0

  /** Adds the integral of the gradient over a stretch that begins `since` after `here`, with the logit `before`; returns the logit at its end, where `middle` is then. */
  const cross = (since: number, length: number, before: number, depth: number): number => {
    for (let i = 0; i < width; i++) middle[i] = here[i] + (since + length) * speed[i]
    const after = tail.logit(middle)
    if (tail.pattern === pattern) {
      for (let i = 0; i < width; i++) integral[i] += length * gradient[i]
      return after
    }
    const { pattern: next, gradient: ahead } = tail
    tail.back()
    let old = 0
    let young = 0
    for (let i = 0; i < width; i++) {
      old += gradient[i] * speed[i]
      young += ahead[i] * speed[i]
    }
    const rise = after - before
    const wanted = old === young ? length / 2 : (rise - young * length) / (old - young)
    const first = Math.max(0, Math.min(length, wanted))
    const second = length - first
    if (depth < deepest && (length > longest || Math.abs(rise - first * old - second * young) > allowed)) {
      const between = cross(since, length / 2, before, depth + 1)
      return cross(since + length / 2, length / 2, between, depth + 1)
    }
    for (let i = 0; i < width; i++) {
      integral[i] += first * gradient[i] + second * ahead[i]
      gradient[i] = ahead[i]
    }
    pattern = next
    return after
  }

  /** Integrates along the way that is laid, and writes what each feature adds. */
  const walk = ({ times, changes, ramps }: Laid, out: Float64Array): void => {
    const stretches = times.length - 1
    here.set(way.start)
    let logit = tail.logit(here)
    tail.back()
    gradient.set(tail.gradient)
    pattern = tail.pattern
    speed.fill(0)
    integral.fill(0)
    sums.fill(0, 0, width)
    for (let e = 0; e < stretches; e++) {
      const length = times[e + 1] - times[e]
      for (let i = 0, at = e * width; i < width; i++, at++) speed[i] += changes[at]
      logit = cross(0, length, logit, 0)
      here.set(middle)
      sums.set(integral, (e + 1) * width)
    }
    out.fill(0)
    for (let n = 0; n < ramps.length; n++) {
      const { unit, feature, speed: rate, begin, end } = ramps[n]
      let sum = 0
      for (let i = 0, row = unit * width, a = begin * width, b = end * width; i < width; i++, row++, a++, b++)
        sum += first.kernel[row] * (sums[b] - sums[a])
      out[feature] += rate * sum
    }
  }

  return function attribute(from, to, out) {
    const laid = way.lay(from, to)
    way.end(middle)
    const logit = tail.logit(middle)
    const baseline = tail.logit(way.start)
    allowed = (tolerance * Math.max(Math.abs(logit - baseline), 0.01)) / (laid.times.length - 1)
    walk(laid, out)
    return { logit, baseline }
  }
}
