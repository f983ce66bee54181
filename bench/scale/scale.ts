/**
 * `npm run bench -- scale`: 1, 2 and 4 detectors, processes of their own, over the same partitions. Where the cores are all busy already, more
 * processes cannot be faster: what counts is that a transaction does not cost more, and that each has its share of the work.
 */
import { type Conditions, conditionsOf } from '../conditions.ts'
import { type Spread, spreadOf } from '../process.ts'
import type { Watched } from '../servers.ts'
import { atMost, type Target } from '../targets.ts'
import { type Shared, shareBacklog } from './backlog.ts'
import { type Rebalance, rebalance } from './rebalance.ts'
import { unfairness } from './shares.ts'

export type ScaleOptions = Watched & {
  processes: readonly number[]
  transactions: number
  partitions: number
  runs: number
  /** Of each phase of the load under which detectors come and go; 0 leaves it out. */
  seconds: number
  perSecond: number
  warm?: number
}
export type ScalePoint = {
  processes: number
  perSecond: Spread
  /** Microseconds of a transaction by process, each the median of the runs; `assay` is all detectors together. */
  cpuUs: Record<string, number>
  cpuUsTogether: Spread
  /** The greatest share of the transactions, and of the detectors' CPU time, against an even one. */
  greatestShare: Spread
  greatestCpuShare: Spread
  /** Memory of a detector, over all of all runs. */
  rssMb: Spread
}
export type ScaleReport = {
  bench: 'scale'
  conditions: Conditions & Record<string, unknown>
  points: ScalePoint[]
  rebalance?: Rebalance
  targets: Target[]
}

const together = ({ cpuUs }: Pick<Shared, 'cpuUs'>) => Object.values(cpuUs).reduce((a, b) => a + b, 0)

export function pointOf(processes: number, runs: readonly Shared[]): ScalePoint {
  const spread = (pick: (r: Shared) => number, digits = 0) => spreadOf(runs.map(pick), digits)
  return {
    processes,
    perSecond: spread((r) => r.perSecond),
    cpuUs: Object.fromEntries(Object.keys(runs[0].cpuUs).map((name) => [name, spread((r) => r.cpuUs[name]).median])),
    cpuUsTogether: spread(together),
    greatestShare: spread((r) => unfairness(r.shares), 2),
    greatestCpuShare: spread((r) => unfairness(r.cpuShares), 2),
    rssMb: spreadOf(runs.flatMap((r) => r.rssMb)),
  }
}

/**
 * Whoever plans for many detectors takes what a transaction costs as the same for any number: where many cost over a quarter more than one, they
 * would be too few by most of what is kept free. A detector with a sixth more than its share is the first to be full.
 */
const costBound = { bound: 1.25, aim: 1.1 }
const shareBound = { bound: 1.17, aim: 1.05 }

export function targetsOf(points: readonly ScalePoint[], come: Rebalance | undefined): Target[] {
  const [first, last] = [points[0], points[points.length - 1]]
  const ratio = Math.round((last.cpuUsTogether.median / first.cpuUsTogether.median) * 100) / 100
  const name = (p: ScalePoint) => `${p.processes} detector${p.processes === 1 ? '' : 's'}`
  const waits = come?.phases.slice(1).map((p) => p.latencyMs.max)
  return [
    ...(points.length > 1
      ? [atMost(`CPU of a transaction with ${name(last)} against ${name(first)}`, ratio, costBound.bound, costBound.aim)]
      : []),
    atMost(`greatest share of ${name(last)} against an even one`, last.greatestShare.median, shareBound.bound, shareBound.aim),
    ...(waits ? [atMost('longest wait while a detector comes or goes, ms', Math.max(...waits), 10_000, 3_000)] : []),
  ]
}

/** Measures each number of detectors `runs` times, by turns. Throws when something that was sent is not decided. */
export async function scale(options: ScaleOptions): Promise<ScaleReport> {
  const { processes, transactions, partitions, runs, seconds, perSecond } = options
  const conditions = conditionsOf(options, {
    ...{ transactions, partitions, runs, resends: 0.01, history: 'none stored; in memory, that of a short warm-up' },
    ...(seconds > 0 ? { rebalance: `${perSecond}/s, ${seconds} s each` } : {}),
  })
  const measured = new Map(processes.map((n) => [n, [] as Shared[]]))
  for (let run = 0; run < runs; run++)
    for (const n of run % 2 === 0 ? processes : processes.toReversed()) {
      const shared = await shareBacklog(n, { ...options, seed: 800 + 2 * run })
      process.stderr.write(
        `run ${run + 1} of ${runs}, ${n} detectors: ${Math.round(shared.perSecond)}/s, ${together(shared)} µs a transaction, shares ${shared.shares.map((s) => s.toFixed(2)).join(' ')}\n`,
      )
      measured.get(n)?.push(shared)
    }
  const come = seconds > 0 ? await rebalance({ ...options, secondsEach: seconds, seed: 850 }) : undefined
  const points = [...measured].map(([n, of]) => pointOf(n, of))
  return { bench: 'scale', conditions, points, ...(come ? { rebalance: come } : {}), targets: targetsOf(points, come) }
}
