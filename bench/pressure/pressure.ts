/**
 * What happens when more comes than can be decided: one bank sends twice the highest rate, another one what it always sends. Lag and memory are
 * looked at every second; the quiet bank's latency is an open loop's, from when a transaction was due to its decision.
 */
import type { ChildProcess } from 'node:child_process'
import { tenantTopic, tenantTopics } from '../../services/shared/events.ts'
import { createTenant } from '../../services/shared/tidb/settings.ts'
import { type Bank, createBank } from '../bank.ts'
import { type Conditions, conditionsOf } from '../conditions.ts'
import { endDetector, spawnDetector } from '../detector.ts'
import { drainBy } from '../drain.ts'
import { createLoader, type Loader, startLoad } from '../latency/loader.ts'
import { measure, type OpenLoop } from '../latency/open-loop.ts'
import { createReader, type Reader } from '../latency/reader.ts'
import { type Percentiles, percentilesOf } from '../process.ts'
import type { Watched } from '../servers.ts'
import { atMost, type Target } from '../targets.ts'
import type { FloodAnswer, FloodOrder } from './flood.ts'
import { type HttpReport, httpFlood } from './http.ts'
import { createWatch, type PhaseName, type Sample, type Watch } from './watch.ts'

export type PressureOptions = Watched & {
  /** Transactions whose draining shows the highest rate. */
  backlog: number
  /** What the quiet bank sends a second, all the time. */
  quiet: number
  /** Seconds of each phase before the flood, of the flood, and of the flood by HTTP. */
  seconds: number
  flood: number
  http: number
}
export type Phase = {
  name: PhaseName
  seconds: number
  /** What the other bank sent a second. */
  offered: number
  /** Its transactions that were not decided at the end. */
  lag: number
  rssPeakMb: number
  /** Of the quiet bank, in ms. */
  quiet: Percentiles & { sent: number; decided: number }
}
export type PressureReport = {
  bench: 'pressure'
  conditions: Conditions & Record<string, unknown>
  /** A second, by the draining of the backlog. */
  highest: number
  phases: Phase[]
  samples: readonly Sample[]
  /** Distinct transactions of both banks through Kafka. */
  sent: number
  decided: number
  http: HttpReport
  targets: Target[]
}

const seed = 8200

/** The worst p99 of a phase's parts against the normal one. */
const timesNormal = (phases: readonly Phase[], name: PhaseName): number => {
  const p99 = (of: PhaseName) => Math.max(...phases.filter((p) => p.name === of).map((p) => p.quiet.p99))
  return Math.round((p99(name) / p99('normal')) * 100) / 100
}

export function targetsOf({ phases, samples, sent, decided }: Pick<PressureReport, 'phases' | 'samples' | 'sent' | 'decided'>): Target[] {
  const mostWaits = samples.reduce((most, s) => (s.lag > most.lag ? s : most))
  const [peak, times] = [Math.max(...samples.map((s) => s.rssMb)), mostWaits.rssMb / samples[samples.length - 1].rssMb]
  return [
    atMost('quiet bank: p99 in the flood, times its normal', timesNormal(phases, 'flood'), 2, 1.2),
    atMost('quiet bank: p99 while the backlog is worked off, times its normal', timesNormal(phases, 'after'), 2, 1.2),
    atMost("detector's memory, MB", peak, 700, 500),
    atMost('its memory while most waits, times that when nothing does any more', Math.round(times * 100) / 100, 1.15, 1),
    atMost('the flooding bank: not decided at the end', phases[phases.length - 1].lag, 0, 0),
    atMost('both banks: sent and not decided', sent - decided, 0, 0),
  ]
}

type Stage = { flood: Loader<FloodOrder, FloodAnswer>; loop: OpenLoop; watch: Watch; options: PressureOptions }

/** One phase. Returns what it showed, and how many distinct transactions were sent in it. */
async function runPhase({ flood, loop, watch, options }: Stage, name: PhaseName, offered: number, seconds: number, n: number) {
  watch.enter(name)
  const from = watch.samples.length
  // The second that warms up is flooded as well.
  if (offered > 0) flood.order({ perSecond: offered, seconds: seconds + 1 })
  const [segment, sent] = await Promise.all([
    measure(loop, { perSecond: options.quiet, warm: 1, seconds, seed: seed + n }, options),
    offered > 0 ? flood.answer('sent') : undefined,
  ])
  const { lag } = await watch.look()
  const phase: Phase = {
    ...{ name, seconds, offered: sent ? Math.round(sent.records / sent.seconds) : 0, lag },
    rssPeakMb: Math.max(...watch.samples.slice(from).map((s) => s.rssMb)),
    quiet: { ...percentilesOf(segment.decided), sent: segment.sent, decided: segment.decided.length },
  }
  const { p50, p99 } = phase.quiet
  process.stderr.write(
    `${name}: ${phase.offered}/s of the other bank, lag ${lag}, ${phase.rssPeakMb} MB; quiet bank p50 ${p50} ms, p99 ${p99} ms\n`,
  )
  return { phase, distinct: sent?.distinct ?? 0 }
}

async function countDecided({ database, tenant }: Bank): Promise<number> {
  const [{ decided }] = await database.query<{ decided: number }>('SELECT COUNT(*) AS decided FROM transactions WHERE tenant = ?', [tenant])
  return Number(decided)
}

/** Runs all phases, then the flood by HTTP. Throws when the quiet bank is not answered within a minute. */
export async function pressure(options: PressureOptions): Promise<PressureReport> {
  const conditions = conditionsOf(options, {
    ...{ backlog: options.backlog, quietPerSecond: options.quiet, seconds: options.seconds, floodSeconds: options.flood },
    ...{ resends: 0.01, partitions: '4 of each bank', arrivals: 'Poisson' },
  })
  const bank = await createBank(options.env)
  const quiet = { ...bank, tenant: `${bank.tenant}-quiet` }
  const loaders: { stop(): void }[] = []
  let child: ChildProcess | undefined
  let reader: Reader | undefined
  let watch: Watch | undefined
  try {
    await createTenant(bank.database, bank.bus, { tenant: quiet.tenant, partitions: 4 })
    const { kafka } = bank.config
    const flood = startLoad<FloodOrder, FloodAnswer>('bench/pressure/flood.ts', { kafka, tenant: bank.tenant, seed, aDay: options.backlog })
    const loader = createLoader({ kafka, tenant: quiet.tenant, seed, transactions: 20 * options.quiet * (options.seconds + options.flood) })
    loaders.push(flood, loader)
    await Promise.all([flood.answer('ready'), loader.answer('ready')])
    flood.order({ backlog: options.backlog })
    const stream = await flood.answer('sent')
    child = spawnDetector(bank.config, options.flags)
    const highest = Math.round((await drainBy(child, bank, stream, options)).assay)
    process.stderr.write(`highest rate: ${highest}/s over a backlog of ${options.backlog}\n`)
    reader = await createReader(quiet)
    watch = createWatch(bank, child.pid as number)
    const stage: Stage = { flood, watch, options, loop: { name: 'assay', child, loader, reader, answered: 0 } }
    const phases: Phase[] = []
    let sent = stream.distinct
    const enter = async (name: PhaseName, offered: number, seconds: number) => {
      const { phase, distinct } = await runPhase(stage, name, offered, seconds, phases.length)
      phases.push(phase)
      sent += distinct + phase.quiet.sent
      return phase
    }
    await enter('alone', 0, options.seconds)
    await enter('normal', Math.round(highest / 2), options.seconds)
    await enter('flood', 2 * highest, options.flood)
    // Half of what came is left, which takes as long again; a machine that is busy gets more.
    const until = Date.now() + 10_000 * options.flood
    let lag: number
    do ({ lag } = await enter('after', 0, Math.min(10, options.seconds)))
    while (lag > 0 && Date.now() < until)
    await watch.stop()
    const decided = (await countDecided(bank)) + phases.reduce((sum, { quiet: { decided: of } }) => sum + of, 0)
    await endDetector(child)
    const http = await httpFlood(bank, quiet.tenant, options.http)
    const { samples } = watch
    const report = { conditions, highest, phases, samples, sent, decided, http }
    return { bench: 'pressure', ...report, targets: [...targetsOf(report), ...http.targets] }
  } finally {
    await watch?.stop().catch(() => undefined)
    await reader?.stop()
    if (child) await endDetector(child)
    for (const loader of loaders) loader.stop()
    const admin = await bank.bus.admin()
    await admin.deleteTopics({ topics: tenantTopics.map((name) => tenantTopic(quiet.tenant, name)) }).catch(() => undefined)
    await bank.close()
  }
}
