/** When a canary has gone astray: its rows of the last minutes beside the champion's, which other customers drawn by lot made. Pure. */
import { psiOf } from '../../../models/drift/column.ts'
import type { GuardLimits } from '../../shared/config.ts'
import type { Compared, Side } from './window.ts'

export type Guard = 'alert_rate' | 'score_shift' | 'latency' | 'errors'
/** Which guard fires, and its figures in words. */
export type Fired = { guard: Guard; figures: string }

/**
 * Standard errors by which alert rates must differ. They are compared again and again, and one customer's alerts come together, so that
 * far more is asked than for a single look at independent rows.
 */
const leastDeviation = 4
const leastAlerts = 10
const leastFailed = 5
const leastCalls = 30
/** A call that takes no longer than this more delays nothing. */
const leastMilliseconds = 5

const percent = (share: number) => `${Number((share * 100).toPrecision(3))} %`
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]

/** Two proportions (the pooled z-test), of which one must also be so many times the other. */
function alertRate({ canary, champion }: Compared, { alertRatio }: GuardLimits): Fired | undefined {
  const [own, other] = [canary.alerts / canary.rows, champion.alerts / champion.rows]
  // Half an alert more on each side: none is not infinitely few.
  const ratio = ((canary.alerts + 0.5) * champion.rows) / ((champion.alerts + 0.5) * canary.rows)
  // With fewer on both sides the test's normal distribution is none.
  if (Math.max(canary.alerts, other * canary.rows) < leastAlerts) return undefined
  if (ratio < alertRatio && ratio * alertRatio > 1) return undefined
  const pooled = (canary.alerts + champion.alerts) / (canary.rows + champion.rows)
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / canary.rows + 1 / champion.rows))
  const deviation = Math.abs(own - other) / error
  if (!(deviation >= leastDeviation)) return undefined
  return {
    guard: 'alert_rate',
    figures: `alerts on ${percent(own)} of its ${canary.rows} transactions and on ${percent(other)} of the champion's ${champion.rows}, ${deviation.toFixed(1)} standard errors apart; the limit is ${alertRatio} times as many or few`,
  }
}

/** Of tenths, so that two models that differ in how small their small scores are do not seem to have shifted. */
function scoreShift({ canary, champion }: Compared, { scoreShift: limit }: GuardLimits): Fired | undefined {
  const sum = ({ tenths }: Side) => tenths.reduce((a, n) => a + n, 0)
  const [own, other] = [sum(canary), sum(champion)]
  // A model without bins has no tenths.
  if (own === 0 || other === 0) return undefined
  const shares = Array.from(champion.tenths, (n) => n / other)
  const shift = psiOf({ edges: [], shares, missing: 0 }, [...canary.tenths, 0])
  if (shift < limit) return undefined
  return {
    guard: 'score_shift',
    figures: `stability index ${shift.toFixed(3)} between the scores of its ${canary.rows} transactions and of the champion's ${champion.rows}; the limit is ${limit}`,
  }
}

function latency({ canary, champion }: Compared, { latencyRatio }: GuardLimits): Fired | undefined {
  if (canary.milliseconds.length < leastCalls) return undefined
  const [own, other] = [median(canary.milliseconds), median(champion.milliseconds)]
  if (own < other * latencyRatio || own - other < leastMilliseconds) return undefined
  return {
    guard: 'latency',
    figures: `${own.toFixed(1)} ms for its part of a batch and ${other.toFixed(1)} ms for the champion's whole one (medians of ${canary.milliseconds.length}); the limit is ${latencyRatio} times as long`,
  }
}

function errors({ asked, failed }: Compared, { errorShare }: GuardLimits): Fired | undefined {
  if (failed < leastFailed || failed / asked < errorShare) return undefined
  return { guard: 'errors', figures: `no score for ${failed} of its ${asked} transactions; the limit is ${percent(errorShare)}` }
}

/** The first guard that fires. */
export function firedBy(seen: Compared, limits: GuardLimits): Fired | undefined {
  const enough = seen.canary.rows >= limits.rows && seen.champion.rows >= limits.rows
  return errors(seen, limits) ?? latency(seen, limits) ?? (enough ? (alertRate(seen, limits) ?? scoreShift(seen, limits)) : undefined)
}
