/**
 * The lane: one batch after another, each recorded before the next one is, published after it is recorded, and its Kafka offsets
 * committed soon after it is published. While one batch is being recorded the next is prepared, if a full one waits; closing it earlier
 * would make many small batches. When a batch is not recorded, it and the one after it are thrown away, with the profiles they
 * changed, and prepared anew.
 */
import { messageOf } from '../shared/errors.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import type { Database } from '../shared/tidb/database.ts'
import type { Tenant } from '../shared/tidb/settings.ts'
import type { Raw } from './batch.ts'
import type { Counters } from './counters/counters.ts'
import type { CountedStep } from './counters/fill.ts'
import type { Prepared } from './decide.ts'
import type { Intake } from './intake/intake.ts'
import type { Partition } from './intake/partition.ts'
import type { Move } from './intake/progress.ts'
import { appliedBefore, moveBack, movePast, partitionsOf, torn } from './lane/moves.ts'
import { createPublishing } from './lane/publishing.ts'
import { createRefusals } from './lane/refusals.ts'
import { toRepublish } from './lane/republish.ts'
import type { Meters } from './meters.ts'
import type { Detection } from './pipeline.ts'
import { readBack } from './read-back.ts'
import type { Profiles } from './state/profiles.ts'

/** Records in one batch at most. */
export const batchSize = 512

export type Lane = {
  start(): void
  /** Finishes the batch in hand. */
  stop(): Promise<void>
  /** Resolves when no batch is in hand. */
  idle(): Promise<void>
  /** What keeps batches from being prepared, if anything. */
  problem(): string | undefined
}

type Deps = {
  intake: Intake
  detection: Detection
  database: Database
  profiles: Profiles
  counters: Counters
  tenants: () => ReadonlyMap<string, Tenant>
  telemetry: Telemetry
  meters: Meters
}

type InHand = { raws: Raw[]; prepared: Prepared; partitions: Map<Partition, number>; steps: CountedStep[] }

export function createLane(deps: Deps): Lane {
  const { intake, detection, profiles, counters, telemetry, meters } = deps
  const refusals = createRefusals(telemetry)
  let stopped = true
  const publishing = createPublishing({ ...deps, stopped: () => stopped })
  let loop: Promise<void> | undefined
  let recording: InHand | undefined
  /** Settles to whether the batch before was recorded. */
  let recorded: Promise<boolean> = Promise.resolve(true)
  let inPreparation = false
  let problem: string | undefined

  /** Gives a batch back: its profiles are forgotten, progress is expected where it was, its records wait again. */
  const giveBack = ({ raws, partitions }: Pick<InHand, 'raws' | 'partitions'>, moves: readonly Move[], touched: Iterable<string>) => {
    profiles.drop(touched)
    moveBack(intake, moves)
    intake.putBack(raws, partitions)
  }
  const settle = async (batch: InHand): Promise<boolean> => {
    const began = performance.now()
    const outcome = await detection.record(batch.prepared)
    meters.recorded((performance.now() - began) / 1000, batch.prepared.verdicts.length)
    if (outcome.result !== 'recorded')
      telemetry.logger.warn({ result: outcome.result, records: batch.raws.length }, 'the batch was not recorded')
    refusals.note(batch, outcome)
    if (outcome.result === 'fenced') for (const move of outcome.by) intake.lose(move)
    if (outcome.result !== 'recorded') return false
    const moved = counters.move(batch.prepared.counted, batch.steps)
    moved.catch(() => undefined)
    publishing.add(batch.prepared.verdicts, batch.partitions, moved)
    return true
  }

  const readBackBatch = async (raws: Raw[]) => {
    const taken = partitionsOf(intake, raws)
    const back = () => intake.putBack(raws, taken)
    if (!(await settled(back))) return
    const found = await readBack(deps.database, raws).catch((error: unknown) => {
      back()
      throw error
    })
    const { wanted, partitions } = toRepublish(intake, raws, taken, found)
    publishing.add(wanted, partitions)
    meters.readBack(wanted.length)
  }

  /** Waits for the batch in hand. When it was not recorded, `later` goes back first and then the batch itself, so that order holds. */
  const settled = async (later?: () => void): Promise<boolean> => {
    const before = recording
    const fine = await recorded
    recording = undefined
    recorded = Promise.resolve(true)
    if (fine) return true
    later?.()
    if (before) {
      counters.drop(before.prepared.counted)
      giveBack(before, before.prepared.moves, before.prepared.touched)
    }
    return false
  }

  const decideBatch = async (raws: Raw[]) => {
    const broken = torn(intake, raws)
    if (broken.length > 0) {
      intake.putBack(raws, new Set([...partitionsOf(intake, raws)].filter((p) => !broken.includes(p))))
      for (const p of broken) {
        telemetry.logger.error(
          { topic: p.place.topicName, partition: p.place.partition, next: p.chain },
          'records are missing before the batch; claiming anew',
        )
        intake.lose(p.place)
      }
      return
    }
    const applied = appliedBefore(intake, raws)
    const { moves, partitions, steps } = movePast(intake, raws)
    const checkAll = refusals.checkAll(partitions.keys())
    const inHand = recording && { decided: recording.prepared.decided, touched: recording.prepared.touched, recorded }
    const prepared = await detection
      .prepare({ raws, moves, applied, tenants: deps.tenants(), inHand, checkAll, condemned: refusals.condemned })
      .catch((error: unknown) => ({ error }))
    if ('error' in prepared) {
      // Nobody knows how far it came, so that no profile it may have changed is kept.
      const back = () => {
        for (const p of partitions.keys()) profiles.dropPartition(p.place.tenant, p.place.partition)
        giveBack({ raws, partitions }, moves, [])
      }
      if (await settled(back)) back()
      throw prepared.error
    }
    if (!(await settled(() => giveBack({ raws, partitions }, moves, prepared.touched)))) return
    recording = { raws, prepared, partitions, steps }
    counters.hold(prepared.counted)
    recorded = settle(recording)
    // Here no batch is in preparation, which would miss what is let go of.
    profiles.trim(prepared.touched)
  }

  const turn = async () => {
    // A batch that was not recorded has to be given back even when nothing else comes.
    await (recording ? Promise.race([intake.waitForRecords(), recorded]) : intake.waitForRecords())
    if (stopped) return
    // Less than a full batch waits: more will come while the database is busy.
    if (intake.waiting() < batchSize) {
      if (!(await settled())) return
      // What was just recorded is on its way to Kafka before the next batch takes the processor: it is published a third sooner.
      await new Promise((resolve) => setImmediate(resolve))
    }
    // A broker that is away stops the lane instead of filling memory.
    if (publishing.waiting() > 2) await publishing.done()
    const raws = intake.take(batchSize)
    if (raws.length === 0) return new Promise<void>((resolve) => setTimeout(resolve, 5))
    inPreparation = true
    try {
      const p = intake.partition(raws[0])
      if (p && raws[0].offset < p.next) await readBackBatch(raws)
      else await decideBatch(raws)
    } finally {
      inPreparation = false
    }
  }

  return {
    start() {
      if (!stopped) return
      stopped = false
      loop = (async () => {
        for (let failures = 0; !stopped; ) {
          try {
            await turn()
            failures = 0
            problem = undefined
          } catch (error) {
            failures++
            problem = `no batch can be prepared: ${messageOf(error)}`
            telemetry.logger.warn({ reason: messageOf(error) }, 'the batch could not be prepared; trying again')
            await new Promise((resolve) => setTimeout(resolve, Math.min(5000, 50 * 2 ** failures)))
          }
        }
      })()
    },
    async stop() {
      stopped = true
      intake.interrupt()
      await loop
      await recorded.catch(() => undefined)
      await publishing.done().catch(() => undefined)
    },
    problem: () => problem ?? refusals.problem(),
    async idle() {
      while (inPreparation) await new Promise((resolve) => setTimeout(resolve, 1))
      await recorded.catch(() => undefined)
    },
  }
}
