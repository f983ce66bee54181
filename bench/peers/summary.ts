/** What the rounds say: pure arithmetic. */
import type { Percentiles, Spread } from '../process.ts'
import { percentilesOf, spreadOf } from '../process.ts'
import { atLeast, type Target } from '../targets.ts'
import { type Variant, variants } from './flink.ts'

/** Whom the bench compares, in the order of the report. */
export type Contender = 'Assay' | Variant
export const contenders: readonly Contender[] = ['Assay', ...(Object.keys(variants) as Variant[])]

/** One backlog by one of them. */
export type Drain = {
  perSecond: number
  /** Of the second half of the backlog: by then the compilers of both have seen the code at work. */
  laterPerSecond: number
  /** Microseconds of a transaction by process. */
  cpuUs: Record<string, number>
  rssPeakMb: number
  /** Milliseconds from when each was due to its decision in a reader's hands, under a load by schedule; none where it was left out. */
  waits: readonly number[]
}
export type Round = Record<Contender, Drain>
export type Summary = {
  name: Contender
  perSecond: Spread
  laterPerSecond: Spread
  /** Each the median of the rounds. */
  cpuUs: Record<string, number>
  rssPeakMb: Spread
  /** Each percentile of each round. */
  latencyMs?: Record<keyof Percentiles, Spread>
}

/** Rates by the times at which decisions were written, in milliseconds. */
export function ratesOf(times: readonly number[]): Pick<Drain, 'perSecond' | 'laterPerSecond'> {
  const sorted = Float64Array.from(times).sort()
  const rate = (from: number) => ((sorted.length - from) * 1000) / (sorted[sorted.length - 1] - sorted[from])
  return { perSecond: rate(0), laterPerSecond: rate(sorted.length >> 1) }
}

/** The names in the order of a round: each is first in its turn. */
export const turns = (round: number): Contender[] => {
  const first = round % contenders.length
  return [...contenders.slice(first), ...contenders.slice(0, first)]
}

function latencyOf(drains: readonly Drain[]): Pick<Summary, 'latencyMs'> {
  if (drains.some((d) => d.waits.length === 0)) return {}
  const each = drains.map((d) => percentilesOf(d.waits))
  const spread = (name: keyof Percentiles) =>
    spreadOf(
      each.map((p) => p[name]),
      1,
    )
  return { latencyMs: { p50: spread('p50'), p95: spread('p95'), p99: spread('p99'), p999: spread('p999'), max: spread('max') } }
}

/** The rounds of each contender put together. */
export const summarise = (rounds: readonly Round[]): Summary[] =>
  contenders.map((name) => {
    const drains = rounds.map((r) => r[name])
    return {
      name,
      perSecond: spreadOf(drains.map((d) => d.perSecond)),
      laterPerSecond: spreadOf(drains.map((d) => d.laterPerSecond)),
      cpuUs: Object.fromEntries(Object.keys(drains[0].cpuUs).map((p) => [p, spreadOf(drains.map((d) => d.cpuUs[p])).median])),
      rssPeakMb: spreadOf(drains.map((d) => d.rssPeakMb)),
      ...latencyOf(drains),
    }
  })

/** Assay's rate over that of the Flink that writes rows as well, in each round: what shakes the machine for a while shakes both. */
export const ratiosOf = (rounds: readonly Round[]): Spread =>
  spreadOf(
    rounds.map((r) => r.Assay.perSecond / r['Flink with TiDB'].perSecond),
    2,
  )

export const targetOf = ({ median }: Spread): Target =>
  atLeast('decided a second, against Flink with the TiDB sink (server-prepared), same run', median, 0.8, 1.2)
