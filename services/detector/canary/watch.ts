/** Watches the canary: a guard that fires takes it back by itself, at once here and within seconds at every other detector. */
import { placeOf } from '../../../models/drift/column.ts'
import type { GuardLimits } from '../../shared/config.ts'
import { AssayError, messageOf } from '../../shared/errors.ts'
import { type Control, innerTopics, topics } from '../../shared/events.ts'
import type { Bus } from '../../shared/kafka/bus.ts'
import type { Telemetry } from '../../shared/telemetry.ts'
import type { Database } from '../../shared/tidb/database.ts'
import { withdraw } from '../../shared/tidb/model-changes.ts'
import { raises } from '../../shared/tidb/settings.ts'
import type { Candidate } from '../batch.ts'
import type { Model } from '../score.ts'
import { firedBy } from './guards.ts'
import { type Compared, createWindow, type Window } from './window.ts'

/** A batch in which the canary was asked. */
export type Seen = {
  canary: Model
  champion: Model
  chosen: readonly Candidate[]
  /** What each row was decided by, and the model that gave it. */
  scores: Float32Array
  by: readonly Model[]
  /** Rows that were the canary's, and those of which it gave no score; with one of these the champion decided all. */
  asked: number
  failed: number
  canaryMs: number
  championMs: number
}

export type CanaryWatch = {
  /** Says why a batch could not be scored. */
  warn(why: string): void
  observe(seen: Seen): void
  start(): void
  stop(): Promise<void>
}

type Deps = {
  database: Database
  bus: Bus
  telemetry: Telemetry
  limits: GuardLimits
  /** Leaves the canary out at once. */
  refuse(state: 'canary', version: number, why: string): void
  clock: () => number
}

const every = 5000

type Tenth = (score: number) => number | undefined
type Pair = { canary: number; champion: number; window: Window; tenths: { canary: Tenth; champion: Tenth } }

/** In which tenth of its model's training scores a score lies; undefined where the manifest has no bins. */
function tenthsOf({ scorer }: Model): Tenth {
  const bins = scorer.manifest.bins?.score
  if (!bins) return () => undefined
  let below = 0
  const tenths = bins.shares.map((share) => {
    const middle = below + share / 2
    below += share
    return Math.min(9, Math.floor(middle * 10))
  })
  return (score) => tenths[placeOf(bins, score)]
}

/** Adds the rows that each decided to what was seen of it. */
function count(to: Compared, { chosen, scores, by, canary }: Seen, tenths: { canary: Tenth; champion: Tenth }): void {
  for (let i = 0; i < chosen.length; i++) {
    const who = by[i] === canary ? 'canary' : 'champion'
    const side = to[who]
    side.rows++
    if (raises(scores[i], chosen[i].tenant.settings)) side.alerts++
    const tenth = tenths[who](scores[i])
    if (tenth !== undefined) side.tenths[tenth]++
  }
}

export function createCanaryWatch({ database, bus, telemetry, limits, refuse, clock }: Deps): CanaryWatch {
  const failures = telemetry.counter('assay_detector_canary_failures_total', 'Transactions that the canary gave no score for')
  const withdrawn = telemetry.counter('assay_detector_canary_withdrawn_total', 'Canaries that a guard took back', ['guard'])
  /** What was seen of these two; another pair begins anew. */
  let watched: Pair | undefined
  /** What the registry has not been told yet. */
  let pending: { version: number; reason: string } | undefined
  let timer: NodeJS.Timeout | undefined
  let checking: Promise<void> = Promise.resolve()

  const pairOf = ({ canary, champion }: Seen): Pair => {
    if (watched?.canary === canary.version && watched.champion === champion.version) return watched
    const tenths = { canary: tenthsOf(canary), champion: tenthsOf(champion) }
    watched = { canary: canary.version, champion: champion.version, window: createWindow(limits.minutes, clock), tenths }
    return watched
  }
  const announce = async (version: number) => {
    const event: Control = { kind: 'model', version, at: new Date(clock()).toISOString() }
    await bus.send([{ topic: innerTopics.control, key: topics.control.key(event), value: JSON.stringify(event) }])
  }
  const takeBack = async () => {
    if (!pending) return
    const { version, reason } = pending
    try {
      await withdraw(database, version, { by: 'assay', reason }, ['canary'])
    } catch (error) {
      // Somebody else took it back, or made it something else.
      if (!(error instanceof AssayError)) throw error
    }
    pending = undefined
    await announce(version).catch((error: unknown) =>
      telemetry.logger.warn(`${innerTopics.control} was not told that model ${version} was taken back: ${messageOf(error)}`),
    )
  }
  const check = async () => {
    const fired = watched && firedBy(watched.window.sum(), limits)
    if (watched && fired) {
      const { canary: version } = watched
      const reason = `guard ${fired.guard}: ${fired.figures}`
      pending = { version, reason }
      watched = undefined
      withdrawn.inc({ guard: fired.guard })
      telemetry.logger.error({ version, guard: fired.guard }, `the canary is taken back: ${fired.figures}`)
      refuse('canary', version, reason)
    }
    await takeBack()
  }
  return {
    warn: (why) => telemetry.logger.warn({ reason: why }, 'the canary cannot score; the champion decides'),
    observe(seen) {
      const { window, tenths } = pairOf(seen)
      const now = window.now()
      now.asked += seen.asked
      now.failed += seen.failed
      if (seen.failed > 0) return failures.inc(seen.failed)
      window.timed(seen.canaryMs, seen.championMs)
      count(now, seen, tenths)
    },
    start() {
      timer = setInterval(() => {
        checking = checking
          .then(check)
          .catch((error: unknown) => telemetry.logger.warn(`the canary could not be taken back yet: ${messageOf(error)}`))
      }, every)
    },
    async stop() {
      clearInterval(timer)
      await checking
    },
  }
}
