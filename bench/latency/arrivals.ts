/** When transactions are due. */
import { createRandom } from '../../infra/simulator/random.ts'

/**
 * Milliseconds from the beginning at which each is due, for so many seconds: a Poisson stream, as many customers who know nothing of each
 * other make it. Evenly spaced ones would never come in a bunch, and their waits would tell less than the truth.
 */
export function arrivals(perSecond: number, seconds: number, seed: number): Float64Array {
  const random = createRandom(seed)
  const due = new Float64Array(Math.round(perSecond * seconds))
  let at = 0
  for (let i = 0; i < due.length; i++) {
    at += (random.exponential() * 1000) / perSecond
    due[i] = at
  }
  return due
}

/** A clock that all processes of this machine share, in milliseconds with fractions, which nobody sets. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6
