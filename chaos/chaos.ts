/** One run of chaos: bring everything up, load it, do the faults, wait until all is quiet, count. */
import { join } from 'node:path'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { createRandom } from '../infra/simulator/random.ts'
import { differences, verify } from '../infra/verify.ts'
import { openStore } from '../services/detector/counters/store.ts'
import { AssayError, messageOf } from '../services/shared/errors.ts'
import { judge } from './analyst.ts'
import { type BreakName, breaks } from './breaks.ts'
import { type Harm, harms } from './check.ts'
import { commit, type FaultKind, faultKinds, planFaults, serviceNames, worded } from './faults.ts'
import { startLoad } from './load.ts'
import { ladder, setScene } from './scene.ts'
import { settle } from './settle.ts'
import { untilDecided, watchDecisions } from './watch.ts'

export type ChaosOptions = {
  transactions: number
  kills: number
  seed: number
  break?: BreakName
  directory: string
  /** Leave the servers running when it is over. */
  keep: boolean
  say: (line: string) => void
  /** Rejects when the run is to end early. */
  interrupted: Promise<never>
}
export type Figures = {
  transactions: number
  resends: number
  outOfOrder: number
  poison: number
  kills: number
  faults: Record<FaultKind, number>
} & Record<Harm, number> & {
    /** Decisions that come out otherwise when they are computed again from what is stored. */
    verifyDifferences: number
    /** How often a service ended by itself. */
    crashes: number
    recoveryMsMax: number
    /** With a break: the count that must be above 0. */
    caughtBy?: Harm
  }
export type Verdict = { figures: Figures; good: boolean; verdict: string }

/** Milliseconds that a recovery may take, and for how long the counts must stand still; what was broken on purpose never recovers. */
const patience = { whole: { recovery: 120_000, still: 30_000 }, broken: { recovery: 10_000, still: 12_000 } }
/** Seconds that a step takes about, so that the load lasts as long as the faults; and those that it lasts at least. */
const stepSeconds = 10
const leastSeconds = 30

const day = 86_400_000
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Runs it; whatever happens, all that it started has ended when this settles. */
export async function chaos(options: ChaosOptions): Promise<Verdict> {
  const closing: (() => Promise<unknown>)[] = []
  try {
    return await Promise.race([run(options, (close) => closing.unshift(close)), options.interrupted])
  } finally {
    for (const close of closing) await close().catch((error: unknown) => options.say(`while closing: ${messageOf(error)}`))
  }
}

async function run(options: ChaosOptions, defer: (close: () => Promise<unknown>) => void): Promise<Verdict> {
  const { directory, keep, say } = options
  const random = createRandom(options.seed)
  const broken = options.break && breaks[options.break]
  const steps = [...(broken?.steps ?? []), ...planFaults(options.kills, random)]
  const { recovery, still } = broken ? patience.broken : patience.whole
  const { config, database, bus, tenant, key, analyst, actors } = await setScene({
    directory,
    keep,
    edits: broken?.edits ?? [],
    say,
    defer,
  })

  const watch = await watchDecisions(bus, tenant, `${config.group}-watch`)
  defer(() => watch.stop())
  const underWay = firstDecision(watch.decided, join(directory, 'logs'))
  const load = startLoad({
    bus,
    tenant,
    gateway: actors.gateway.url,
    key,
    seed: options.seed,
    transactions: options.transactions,
    rate: options.transactions / Math.max(leastSeconds, steps.length * stepSeconds),
    firstDecided: underWay,
    random: createRandom(options.seed + 1).next,
  })
  defer(async () => {
    load.stop()
    await load.done.catch(() => undefined)
  })
  const judging = judge({ console: actors.console.url, tenant, ...analyst, every: 2000 })
  defer(() => judging.stop())

  await underWay
  say(`${options.transactions} transactions are on their way and the first is decided; ${steps.length} steps of faults follow`)
  const faults = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>
  let recoveryMsMax = 0
  /** What was not decided in time: it is not waited for again. */
  const givenUp = new Set<string>()
  for (const [i, step] of steps.entries()) {
    await pause(random.between(500, 1500))
    await Promise.all(step.map((fault) => commit(fault, actors)))
    for (const { kind } of step) faults[kind]++
    const before = [...load.sent.transactions]
    const { took, left } = await untilDecided(
      before.filter((id) => !givenUp.has(id)),
      watch,
      recovery,
    )
    for (const id of left) givenUp.add(id)
    recoveryMsMax = Math.max(recoveryMsMax, took)
    const outcome = `${left.length === 0 ? 'all' : `all but ${left.length} (such as ${left[0]})`} decided ${(took / 1000).toFixed(1)} s after it`
    say(`${i + 1} of ${steps.length}: ${step.map(worded).join(' and ')}; ${before.length} sent, ${outcome}`)
  }
  say('no more faults; the rest of the load follows')
  load.hurry()
  await load.done
  await judging.stop()
  say('waiting until all is decided, every case has climbed its ladder and every label is there')
  const connection = new Redis(config.redisJobs, { maxRetriesPerRequest: null })
  const bells = new Queue('escalations', { prefix: config.group, connection })
  defer(async () => {
    await bells.close()
    connection.disconnect()
  })
  const counters = openStore(config.redis, config.group)
  defer(async () => counters.stop())
  await counters.ready()
  const places = { database, bus, bells, counters, tenant, steps: ladder.length }
  const found = await settle(places, { ...load.sent, verdicts: judging.judged }, still)
  say('recomputing every decision')
  const verified = await verify(database, { tenant, from: 0, to: Date.now() + day })
  const counts = Object.fromEntries(Object.entries(found).map(([harm, ids]) => [harm, ids.length])) as Record<Harm, number>
  const crashes = serviceNames.reduce((sum, name) => sum + actors[name].crashes(), 0)
  const figures: Figures = {
    transactions: load.sent.transactions.size,
    resends: load.sent.resends,
    outOfOrder: load.sent.outOfOrder,
    poison: load.sent.poison.size,
    kills: faults.kill,
    faults,
    ...counts,
    verifyDifferences: differences(verified),
    crashes,
    recoveryMsMax,
    ...(broken ? { caughtBy: broken.caughtBy } : {}),
  }
  for (const [harm, ids] of Object.entries(found))
    if (ids.length > 0) say(`${harm}: ${ids.length} ${harms[harm as Harm]}, such as ${ids.slice(0, 5).join(', ')}`)
  if (figures.verifyDifferences > 0) say(`verifyDifferences: ${JSON.stringify(verified)}`)
  if (broken) {
    const caught = counts[broken.caughtBy]
    return { figures, good: caught > 0, verdict: `${caught > 0 ? 'caught' : 'NOT CAUGHT'}: ${broken.caughtBy} is ${caught}` }
  }
  const harmed = Object.entries({ ...counts, verifyDifferences: figures.verifyDifferences, crashes }).filter(([, n]) => n > 0)
  const verdict = harmed.length === 0 ? 'no harm' : `HARM: ${harmed.map(([name, n]) => `${name} ${n}`).join(', ')}`
  return { figures, good: harmed.length === 0, verdict }
}

/** Waits until the first decision is there, so that faults meet a system at work. */
async function firstDecision(decided: ReadonlySet<string>, logs: string): Promise<void> {
  const deadline = Date.now() + patience.whole.recovery
  while (decided.size === 0) {
    if (Date.now() > deadline)
      throw new AssayError(
        'nothing_decided',
        `Nothing was decided within ${patience.whole.recovery / 1000} s; the services' logs in ${logs} say why`,
      )
    await pause(100)
  }
}
