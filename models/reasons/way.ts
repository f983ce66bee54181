/** The straight way from one vector to another, as the ramps of the encoding that move on it: when each begins and ends, and how fast it is. */
import { unitOf } from '../encoding.ts'
import type { Network } from './network.ts'

/** A unit of the encoding that changes by `speed` from `times[begin]` to `times[end]`. */
export type Ramp = { unit: number; feature: number; speed: number; begin: number; end: number }

export type Way = {
  /** What the first matrix gives at the beginning. */
  start: Float64Array
  /** Lays the way anew: the times (0 to 1, rising) at which anything begins or ends, and by how much the speed of the first matrix's output changes at each. */
  lay(from: Float32Array, to: Float32Array): { times: Float64Array; changes: Float64Array; ramps: readonly Ramp[] }
  /** Writes what the first matrix gives at the end. */
  end(out: Float64Array): void
}

/** Times that are nearer than this are one: what lies between two ramps of a feature that touch is rounding. */
const instant = 1e-9

export function createWay({ encoding, ramps: encoded, starts, units, layers: [first] }: Network): Way {
  const { units: width, kernel } = first
  const start = new Float64Array(width)
  const pool: Ramp[] = []
  const ramps: Ramp[] = []
  const rises = new Float64Array(encoding.units)
  const begins = new Float64Array(encoding.units)
  const ends = new Float64Array(encoding.units)
  const sorted = new Float64Array(2 * encoding.units + 2)
  let changes = new Float64Array(0)

  const add = (into: Float64Array, at: number, unit: number, by: number): void => {
    for (let i = 0, row = unit * width; i < width; i++, row++) into[at + i] += by * kernel[row]
  }

  /** Fills `ramps` with what moves, and `start`. */
  const find = (from: Float32Array, to: Float32Array): void => {
    ramps.length = 0
    start.set(first.bias)
    for (let feature = 0; feature < encoding.width; feature++) {
      const a = from[feature]
      const b = to[feature]
      for (let k = starts[feature]; k < starts[feature + 1]; k++) {
        const unit = units[k]
        const before = encoded ? unitOf(encoding, unit, a) : a
        if (before !== 0) add(start, 0, unit, before)
        if (a === b) continue
        const rise = (encoded ? unitOf(encoding, unit, b) : b) - before
        if (rise === 0) continue
        const n = ramps.length
        pool[n] ??= { unit: 0, feature: 0, speed: 0, begin: 0, end: 0 }
        pool[n].unit = unit
        pool[n].feature = feature
        ramps.push(pool[n])
        rises[n] = rise
        const low = encoded ? ((-2.5 - encoding.shift[unit]) / encoding.scale[unit] - a) / (b - a) : 0
        const high = encoded ? ((2.5 - encoding.shift[unit]) / encoding.scale[unit] - a) / (b - a) : 1
        begins[n] = Math.max(0, Math.min(1, low, high))
        ends[n] = Math.min(1, Math.max(0, low, high))
      }
    }
  }

  /** The different times among those of `ramps`. */
  const timesOf = (): Float64Array => {
    const n = ramps.length
    sorted.set(begins.subarray(0, n), 0)
    sorted.set(ends.subarray(0, n), n)
    sorted[2 * n] = 0
    sorted[2 * n + 1] = 1
    const all = sorted.subarray(0, 2 * n + 2).sort()
    let count = 1
    for (let i = 1; i < all.length; i++) if (all[i] - all[count - 1] > instant) all[count++] = all[i]
    return all.subarray(0, count)
  }

  return {
    start,
    lay(from, to) {
      find(from, to)
      const times = timesOf()
      const last = times.length - 1
      if (changes.length < times.length * width) changes = new Float64Array(2 * times.length * width)
      changes.fill(0, 0, times.length * width)
      ramps.forEach((ramp, n) => {
        ramp.begin = Math.min(last - 1, placeOf(times, begins[n]))
        ramp.end = Math.max(ramp.begin + 1, placeOf(times, ends[n]))
        ramp.speed = rises[n] / (times[ramp.end] - times[ramp.begin])
        add(changes, ramp.begin * width, ramp.unit, ramp.speed)
        add(changes, ramp.end * width, ramp.unit, -ramp.speed)
      })
      return { times, changes, ramps }
    },
    end(out) {
      out.set(start)
      ramps.forEach(({ unit }, n) => {
        add(out, 0, unit, rises[n])
      })
    },
  }
}

/** The last place whose time is not behind `time`. */
function placeOf(times: Float64Array, time: number): number {
  let low = 0
  let high = times.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (times[middle] <= time) low = middle
    else high = middle - 1
  }
  return low
}
