/**
 * The lane: one batch after another, each recorded before the next one is, published after it is recorded, and its Kafka offsets
 * committed soon after it is published. While one batch is being recorded the next is prepared, if a full one waits; closing it earlier
 * would make many small batches. When a batch is not recorded, it and the one after it are thrown away, with the profiles they
 * changed, and prepared anew.
 */
import { messageOf } from '../shared/errors.ts'
import { untilItWorks } from '../shared/lifecycle.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import type { Database } from '../shared/tidb/database.ts'
import type { Tenant } from '../shared/tidb/settings.ts'
import { type Applied, positionOf, type Raw, type Verdict } from './batch.ts'
import type { CountedStep, Counters } from './counters/counters.ts'
import type { Prepared } from './decide.ts'
import type { Intake } from './intake/intake.ts'
import type { Partition } from './intake/partition.ts'
import { type Move, recordHash } from './intake/progress.ts'
import type { Meters } from './meters.ts'
import { placeOf } from './parse.ts'
import type { Detection } from './pipeline.ts'
import { readBack } from './read-back.ts'
import { type Profiles, partitionName } from './state/profiles.ts'

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
  let stopped = true
  let loop: Promise<void> | undefined
  let recording: InHand | undefined
  /** Settles to whether the batch before was recorded. */
  let recorded: Promise<boolean> = Promise.resolve(true)
  let published: Promise<void> = Promise.resolve()
  /** Up to where each partition's ids are all looked for, since the database refused one of them. */
  const refused = new Map<Partition, number>()
  /** What the database said of records that it will never take, by `placeOf`: they become dead letters. */
  const condemned = new Map<string, string>()
  /** Batches in a row that were not recorded since an id of theirs was taken. */
  let takenInARow = 0
  let inPreparation = false
  let unpublished = 0
  let problem: string | undefined

  /** What is applied to the customers of the batch's partitions when all batches before it are recorded. */
  const appliedBefore = (raws: readonly Raw[]): Map<string, Applied> => {
    const found = new Map<string, Applied>()
    const positionIn = (raw: Raw, topic: 'outcomes' | 'parties') => {
      const p = intake.partition({ ...raw, topic })
      return p ? positionOf(p.log, p.chain) : 0
    }
    for (const raw of raws) {
      const name = partitionName(raw)
      if (!found.has(name)) found.set(name, { outcomes: positionIn(raw, 'outcomes'), parties: positionIn(raw, 'parties') })
    }
    return found
  }
  /** The partitions' steps in this batch, and where each then stands. */
  const movesOf = (raws: readonly Raw[]): { moves: Move[]; partitions: Map<Partition, number>; steps: CountedStep[] } => {
    const last = new Map<Partition, Raw>()
    for (const raw of raws) {
      const p = intake.partition(raw)
      if (p) last.set(p, raw)
    }
    const moves: Move[] = []
    const steps: CountedStep[] = []
    const partitions = new Map<Partition, number>()
    for (const [p, raw] of last) {
      const to = raw.offset + 1
      const { tenant, topic, partition } = p.place
      moves.push({ tenant, topic, partition, epoch: p.epoch, from: p.chain, to, lastRecord: recordHash(raw) })
      if (topic === 'transactions' || topic === 'labels')
        steps.push({ tenant, topic, partition, from: positionOf(p.log, p.chain), to: positionOf(p.log, to) })
      p.chain = to
      partitions.set(p, to)
    }
    return { moves, partitions, steps }
  }
  /** Gives a batch back: its profiles are forgotten, progress is expected where it was, its records wait again. */
  const giveBack = ({ raws, partitions }: Pick<InHand, 'raws' | 'partitions'>, moves: readonly Move[], touched: Iterable<string>) => {
    profiles.drop(touched)
    for (const move of moves) {
      const p = intake.partition({ ...move, log: 0, offset: 0, received: 0, key: null, value: null })
      if (p && p.epoch === move.epoch) p.chain = move.from
    }
    intake.putBack(raws, partitions)
  }
  const publishInOrder = (verdicts: readonly Verdict[], partitions: ReadonlyMap<Partition, number>, moved?: Promise<void>) => {
    const before = published
    unpublished++
    published = (async () => {
      await before
      await untilItWorks(
        'publish',
        telemetry,
        () => stopped,
        () => detection.publish(verdicts),
      )
      // Counters follow what TiDB has; until they do, a next owner looks back this far.
      await moved
      intake.commit(partitions)
      meters.published(verdicts)
      unpublished--
    })()
    published.catch(() => undefined)
  }
  const settle = async (batch: InHand): Promise<boolean> => {
    const began = performance.now()
    const outcome = await detection.record(batch.prepared)
    meters.recorded((performance.now() - began) / 1000, batch.prepared.verdicts.length)
    takenInARow = outcome.result === 'taken' ? takenInARow + 1 : 0
    if (outcome.result === 'recorded') {
      if (condemned.size > 0) for (const raw of batch.raws) condemned.delete(placeOf(raw))
      const moved = counters.move(batch.prepared.counted, batch.steps)
      moved.catch(() => undefined)
      publishInOrder(batch.prepared.verdicts, batch.partitions, moved)
      for (const [p, to] of batch.partitions) if (to >= (refused.get(p) ?? 0)) refused.delete(p)
      return true
    }
    telemetry.logger.warn({ result: outcome.result, records: batch.raws.length }, 'the batch was not recorded')
    if (outcome.result === 'taken') for (const [p, to] of batch.partitions) refused.set(p, to)
    if (outcome.result === 'refused') {
      for (const { raw, detail } of outcome.refused) {
        telemetry.logger.error(
          { ...raw, key: undefined, value: undefined, detail },
          'the database does not take a record; it becomes a dead letter',
        )
        condemned.set(placeOf(raw), detail)
      }
    }
    if (outcome.result === 'fenced') for (const move of outcome.by) intake.lose(move)
    return false
  }

  const readBackBatch = async (raws: Raw[]) => {
    const taken = new Set(raws.flatMap((raw) => intake.partition(raw) ?? []))
    const back = () => intake.putBack(raws, taken)
    if (!(await settled(back))) return
    const { verdicts, missing } = await readBack(deps.database, raws).catch((error: unknown) => {
      back()
      throw error
    })
    const owned = (raw: Raw): Partition | undefined => {
      const p = intake.partition(raw)
      return p && taken.has(p) ? p : undefined
    }
    const madeAnew = (p: Partition, { offset }: Raw, what: string) => {
      const { tenant, topic, topicName, partition } = p.place
      intake.halt(
        p,
        `${topicName} partition ${partition} offset ${offset} ${what}, but ${p.next} is next by our progress: the topic was made anew. ` +
          `When the records in it now are to be decided, run: npm run assay -- progress reset --tenant ${tenant} --topic ${topic} --partition ${partition} --to 0`,
      )
    }
    const partitions = new Map<Partition, number>()
    const holes = new Set(missing)
    for (const raw of raws) {
      const p = owned(raw)
      if (!p || p.problem) continue
      if (holes.has(raw) && raw.offset >= p.publishFrom) madeAnew(p, raw, 'was never recorded')
      else if (raw.offset === p.next - 1 && p.lastRecord && !recordHash(raw).equals(p.lastRecord))
        madeAnew(p, raw, 'is not the record that was decided there')
      partitions.set(p, raw.offset + 1)
    }
    const wanted = verdicts.filter((v) => {
      const p = owned(v.raw)
      return p && !p.problem && v.raw.offset >= p.publishFrom
    })
    for (const p of partitions.keys()) if (p.problem || (partitions.get(p) ?? 0) <= p.publishFrom) partitions.delete(p)
    publishInOrder(wanted, partitions)
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

  /** Partitions whose first record here is not the one that their progress waits for: taking it would leave a hole. */
  const torn = (raws: readonly Raw[]): Partition[] => {
    const first = new Map<Partition, Raw>()
    for (const raw of raws) {
      const p = intake.partition(raw)
      if (p && !first.has(p)) first.set(p, raw)
    }
    return [...first].flatMap(([p, raw]) => (raw.follows !== undefined && raw.follows > p.chain ? [p] : []))
  }

  const decideBatch = async (raws: Raw[]) => {
    const broken = torn(raws)
    if (broken.length > 0) {
      intake.putBack(raws, new Set(raws.flatMap((raw) => intake.partition(raw) ?? []).filter((p) => !broken.includes(p))))
      for (const p of broken) {
        telemetry.logger.error(
          { topic: p.place.topicName, partition: p.place.partition, next: p.chain },
          'records are missing before the batch; claiming anew',
        )
        intake.lose(p.place)
      }
      return
    }
    const applied = appliedBefore(raws)
    const { moves, partitions, steps } = movesOf(raws)
    const checkAll = [...partitions.keys()].some((p) => refused.has(p))
    const inHand = recording && { decided: recording.prepared.decided, touched: recording.prepared.touched, recorded }
    const prepared = await detection
      .prepare({ raws, moves, applied, tenants: deps.tenants(), inHand, checkAll, condemned })
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
    if (intake.waiting() < batchSize && !(await settled())) return
    // A broker that is away stops the lane instead of filling memory.
    if (unpublished > 2) await published
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
      await published.catch(() => undefined)
    },
    problem: () =>
      problem ?? (takenInARow >= 5 ? 'a batch is not recorded, again and again, since TiDB has an id of it already' : undefined),
    async idle() {
      while (inPreparation) await new Promise((resolve) => setTimeout(resolve, 1))
      await recorded.catch(() => undefined)
    },
  }
}
