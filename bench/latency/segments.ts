/** What was measured at one rate, from the times at which things were due, sent and read. */
import { type Percentiles, percentilesOf, type Spread, spreadOf } from '../process.ts'
import type { Taken } from './reader.ts'

/** Milliseconds after which a send is called late. */
const lateAfter = 10

/** Of one run at one rate; milliseconds from when each was due to its decision, to its alert, and to when it was given to Kafka. */
export type Segment = {
  perSecond: number
  /** Distinct transactions; resends are load as well, but no one waits for a second answer. */
  sent: number
  decided: number[]
  alerted: number[]
  /** Alerts of which the decisions say that there are any. */
  alerts: number
  lateness: number[]
  cpuUs: Record<string, number>
}

type Sent = { perSecond: number; ids: readonly string[]; due: Float64Array; sent: Float64Array; cpuUs: Record<string, number> }

/** Joins what was sent with what was read. An id that is empty is a resend's. */
export function segmentOf({ perSecond, ids, due, sent, cpuUs }: Sent, taken: Taken): Segment {
  const segment: Segment = { perSecond, sent: 0, decided: [], alerted: [], alerts: 0, lateness: [], cpuUs }
  for (const [i, id] of ids.entries()) {
    segment.lateness.push(sent[i] - due[i])
    if (id === '') continue
    segment.sent++
    const decided = taken.decided.get(id)
    if (decided === undefined) continue
    segment.decided.push(decided.at - due[i])
    if (!decided.alert) continue
    segment.alerts++
    const alerted = taken.alerted.get(id)
    if (alerted !== undefined) segment.alerted.push(alerted - due[i])
  }
  return segment
}

type Percentile = keyof Percentiles
/** All runs at one rate. */
export type Point = {
  perSecond: number
  sent: number
  decided: number
  alerts: number
  alerted: number
  late: number
  /** Each percentile of each run: the least, the median and the greatest of the runs, in milliseconds. */
  toDecision: Record<Percentile, Spread>
  /** Of the alerts of all runs, which are few; absent where there was none. */
  toAlert?: Percentiles
  /** From when it was due to when it was given to Kafka, over all runs; it is part of the latency. */
  lateness: Percentiles
  /** CPU microseconds of a transaction by process, the median of the runs. */
  cpuUs: Record<string, number>
}

const percentileNames = ['p50', 'p95', 'p99', 'p999', 'max'] as const

/** Sums the runs of one rate up; there must be one at least. */
export function pointOf(segments: readonly Segment[]): Point {
  const sum = (count: (s: Segment) => number) => segments.reduce((all, s) => all + count(s), 0)
  const ofRuns = segments.map((s) => percentilesOf(s.decided))
  const alerted = segments.flatMap((s) => s.alerted)
  const lateness = segments.flatMap((s) => s.lateness)
  return {
    perSecond: segments[0].perSecond,
    sent: sum((s) => s.sent),
    decided: sum((s) => s.decided.length),
    alerts: sum((s) => s.alerts),
    alerted: alerted.length,
    late: lateness.filter((ms) => ms > lateAfter).length,
    toDecision: Object.fromEntries(
      percentileNames.map((name) => [
        name,
        spreadOf(
          ofRuns.map((p) => p[name]),
          1,
        ),
      ]),
    ) as Point['toDecision'],
    ...(alerted.length > 0 ? { toAlert: percentilesOf(alerted) } : {}),
    lateness: percentilesOf(lateness),
    cpuUs: Object.fromEntries(Object.keys(segments[0].cpuUs).map((name) => [name, spreadOf(segments.map((s) => s.cpuUs[name])).median])),
  }
}

const tidy = ({ p50, p95, p99, p999, max }: Record<Percentile, unknown>) => `p50 ${p50}, p95 ${p95}, p99 ${p99}, p99.9 ${p999}, max ${max}`

/** A point as lines for people. */
export function linesOf(point: Point): string[] {
  const { perSecond, sent, decided, alerts, alerted, late, toDecision, toAlert, lateness, cpuUs } = point
  const spread = ({ min, median, max }: Spread) => (min === max ? `${median}` : `${median} (${min}..${max})`)
  const each = Object.fromEntries(Object.entries(toDecision).map(([name, of]) => [name, spread(of)])) as Record<Percentile, string>
  const cpu = Object.entries(cpuUs).map(([name, us]) => `${name} ${us}`)
  return [
    `${perSecond}/s: ${sent} sent, ${decided} decided, ${alerted} of ${alerts} alerts, ${late} sent late`,
    `  due to decision, ms   ${tidy(each)}`,
    `  due to alert, ms      ${toAlert ? tidy(toAlert) : 'there was none'}`,
    `  due to sent, ms       ${tidy(lateness)}`,
    ...(cpu.length > 0 ? [`  CPU µs a transaction  ${cpu.join(', ')}`] : []),
  ]
}
