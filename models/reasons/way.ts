/** The straight way from one vector to another, as the ramps of the encoding that move on it: when each begins and ends, and how fast it is. */
import { unitOf } from '../encoding.ts'
import { isRising, RampLayer } from '../ramp-layer.ts'
import { addRow } from './gradient.ts'
import type { Network } from './network.ts'

/** A unit of the encoding that changes by `speed` from `times[begin]` to `times[end]`. */
type Ramp = { unit: number; feature: number; speed: number; begin: number; end: number }

/** The times (0 to 1, rising) at which ramps begin or end, and by how much the speed of the first matrix's output changes at each. */
export type Laid = { times: Float64Array; changes: Float64Array; ramps: readonly Ramp[] }

type Way = {
  /** What the first matrix gives at the beginning. */
  start: Float64Array
  /** Lays the way anew, in the place of the one before. */
  lay(from: Float32Array, to: Float32Array): Laid
  /** Writes what the first matrix gives at the end. */
  end(out: Float64Array): void
}

/** Makes the way of a network; ramps begin and end at multiples of one in `instants`. */
export function createWay({ encoding, ramps: encoded, starts, units, layers: [first] }: Network, instants: number): Way {
  const { units: width, kernel } = first
  const start = new Float64Array(width)
  /** Sums up the ramps of a vector; those that overlap are added one by one. */
  const layer = encoded && isRising(encoding) ? new RampLayer(encoding, width) : undefined
  layer?.load(Float32Array.from(kernel), first.bias)
  const summed = new Float32Array(width)
  const pool: Ramp[] = []
  const ramps: Ramp[] = []
  const rises = new Float64Array(encoding.units)
  const begins = new Float64Array(encoding.units)
  const ends = new Float64Array(encoding.units)
  const times = new Float64Array(instants + 1)
  const places = new Int32Array(instants + 1)
  const changes = new Float64Array((instants + 1) * width)

  /** Fills `ramps` with what moves, and `start`. */
  const find = (from: Float32Array, to: Float32Array): void => {
    ramps.length = 0
    if (layer) {
      layer.take(from, 1)
      layer.forward(1, summed)
      start.set(summed)
    } else start.set(first.bias)
    for (let feature = 0; feature < encoding.width; feature++) {
      const a = from[feature]
      const b = to[feature]
      if (layer && a === b) continue
      for (let k = starts[feature]; k < starts[feature + 1]; k++) {
        const unit = units[k]
        const before = encoded ? unitOf(encoding, unit, a) : a
        if (!layer && before !== 0) addRow(start, 0, width, before, kernel, unit * width)
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

  /** The different instants among those at which ramps begin and end, into `times`; their places into `places`. */
  const settle = (): number => {
    places.fill(0)
    places[0] = 1
    places[instants] = 1
    for (let n = 0; n < ramps.length; n++) {
      const begin = Math.min(instants - 1, Math.round(begins[n] * instants))
      ramps[n].begin = begin
      ramps[n].end = Math.max(begin + 1, Math.round(ends[n] * instants))
      places[begin] = 1
      places[ramps[n].end] = 1
    }
    let count = 0
    for (let i = 0; i <= instants; i++) {
      if (places[i] === 0) continue
      times[count] = i / instants
      places[i] = count++
    }
    return count
  }

  return {
    start,
    lay(from, to) {
      find(from, to)
      const count = settle()
      changes.fill(0, 0, count * width)
      for (let n = 0; n < ramps.length; n++) {
        const ramp = ramps[n]
        ramp.begin = places[ramp.begin]
        ramp.end = places[ramp.end]
        ramp.speed = rises[n] / (times[ramp.end] - times[ramp.begin])
        addRow(changes, ramp.begin * width, width, ramp.speed, kernel, ramp.unit * width)
        if (ramp.end < count - 1) addRow(changes, ramp.end * width, width, -ramp.speed, kernel, ramp.unit * width)
      }
      return { times: times.subarray(0, count), changes, ramps }
    },
    end(out) {
      out.set(start)
      for (let n = 0; n < ramps.length; n++) addRow(out, 0, width, rises[n], kernel, ramps[n].unit * width)
    },
  }
}
