/**
 * The counters as the detector sees them: read for a whole batch before it is decided, moved once TiDB has it. What a batch on its way will
 * add is laid over what the next one reads. What was recorded but not counted, by a crash or because Redis forgot, is found at the next
 * step of its partition, and filled from TiDB.
 */
import { counterFeatures, entityTypes, readCounters, stateWords } from '../../../models/fold/counters.ts'
import { messageOf } from '../../shared/errors.ts'
import type { Telemetry } from '../../shared/telemetry.ts'
import { backoff, type Database } from '../../shared/tidb/database.ts'
import type { Place } from '../batch.ts'
import { applyEntry, type Entity, Entries, newEntity, readValue, type Step } from './entries.ts'
import { type Chain, countRows, fill } from './fill.ts'
import { deleteLeftBehind } from './generations.ts'
import { chainOf, entitiesOf, type Generation, type Parties } from './names.ts'
import { rebuild } from './rebuild.ts'
import { openStore, type Store } from './store.ts'

/** Rows of a gap that are filled while the partition waits; what is more is left to a rebuild. */
const mostFilled = 10_000

/** A partition's step in a batch, with the positions it lies between. */
export type CountedStep = Chain & { from: number; to: number }

/** A batch's entities, as Redis and the batches before it have them, and as its own transactions leave them. */
export class Counted extends Entries {
  readonly #of: (Entity | undefined)[][]

  /** Where the states of the entities lie. */
  readonly states: Uint32Array<ArrayBuffer>

  constructor(of: (Entity | undefined)[][], known: Iterable<Entity>, states: Uint32Array<ArrayBuffer>) {
    super()
    this.states = states
    this.#of = of
    for (const entity of known) this.entities.set(entity.name, entity)
  }

  /** Writes the features of the entities of transaction `index`: `counterFeatures` for each of `entityTypes`, zeros where it names none. */
  write(index: number, time: number, out: Float32Array, at: number): void {
    for (let i = 0; i < entityTypes.length; i++) {
      const state = this.#of[index][i]?.state
      if (state) readCounters(state, time, out, at + i * counterFeatures.length)
    }
  }

  /** Counts transaction `index` for those that come after it. */
  count(index: number, place: Place, time: number, card: number): void {
    const seconds = Math.floor(time / 1000)
    for (const entity of this.#of[index]) if (entity) this.add(entity, place, seconds, card)
  }
}

export type Counters = {
  start(): void
  /** Reads the entities of all these transactions in one call; waits while Redis is away, and rejects when the detector stops. */
  read(transactions: readonly { tenant: string; parties: Parties }[]): Promise<Counted>
  /** Lays what the batch adds over what is read from now on, until it is moved or dropped. Its features have been written by then. */
  hold(batch: Counted): void
  drop(batch: Counted): void
  /** Counts a batch that TiDB has. Resolves when Redis has it too; rejects when the detector stops. */
  move(batch: Counted, steps: readonly CountedStep[]): Promise<void>
  /** Counts in the background what is recorded of a partition up to `position` and was not counted. */
  catchUp(chain: Chain, position: number): void
  problem(): string | undefined
  /** From now on what Redis does not take is given up instead of tried again. */
  endRetries(): void
  stop(): Promise<void>
}

/** Milliseconds between two looks at whether somebody rebuilds what is behind. */
const rebuildPause = 10_000

export function createCounters(options: {
  redis: string
  group: string
  database: Database
  telemetry: Telemetry
  mostFilled?: number
}): Counters {
  const { database, telemetry } = options
  const most = options.mostFilled ?? mostFilled
  const store: Store = openStore(options.redis, options.group, { lazy: true })
  const filled = telemetry.counter('assay_detector_counters_filled_total', 'Rows counted from TiDB, since Redis did not have them')
  const waiting = telemetry.gauge(
    'assay_detector_counters_behind',
    'Partitions whose counters stand still until a rebuild is done: npm run assay -- counters rebuild',
  )
  const held = new Set<Counted>()
  /** Where each partition stands by TiDB, as far as this detector knows. */
  const reached = new Map<string, CountedStep>()
  /** Room of a batch that has been prepared, for the next one. */
  let spare: Uint32Array<ArrayBuffer> | undefined
  const background = new Set<Promise<unknown>>()
  let generation: Generation | undefined
  /** Partitions with more to fill than can be waited for, in the generation in force. */
  const behind = new Set<string>()
  /** Gaps that are being filled, by partition. */
  const closing = new Map<string, Promise<void>>()
  let stopped = false
  let rebuilding = false
  let problem: string | undefined

  const untilRedisAnswers = async <T>(attempt: () => Promise<T>): Promise<T> => {
    for (let n = 0; ; n++) {
      try {
        const answer = await attempt()
        problem = undefined
        return answer
      } catch (error) {
        if (stopped) throw error
        problem = store.problem() ?? `the counters do not answer: ${messageOf(error)}`
        if (n === 0) telemetry.logger.warn({ reason: messageOf(error) }, 'the counters cannot be reached; trying again')
        await backoff(n)
      }
    }
  }
  /** Takes a generation for the one in force; true when it is another one, or has lost what it had. */
  const adopt = (next: Generation, emptied = false): boolean => {
    if (!emptied && generation?.number === next.number && generation.shards === next.shards) return false
    generation = next
    behind.clear()
    waiting.set(0)
    catchUpAll()
    return true
  }
  const inForce = async (): Promise<Generation> => {
    if (!generation) {
      adopt(await store.generation())
      inBackground(deleteLeftBehind(store))
    }
    return generation as Generation
  }
  const inBackground = (work: Promise<unknown>) => {
    const settled = work.catch((error: unknown) => telemetry.logger.warn({ reason: messageOf(error) }, 'the counters were not filled'))
    background.add(settled)
    void settled.finally(() => background.delete(settled))
  }

  /** Rebuilds, unless somebody else does, until nothing is behind. */
  const rebuildUntilDone = async () => {
    while (behind.size > 0 && !stopped) {
      const done = await rebuild(store, database, { stopped: () => stopped }).catch((error: unknown) => {
        telemetry.logger.warn({ reason: messageOf(error) }, 'the counters were not rebuilt; trying again')
      })
      if (done) telemetry.logger.info(done, 'the counters were rebuilt')
      else for (let waited = 0; waited < rebuildPause && !stopped; waited += 100) await new Promise((resolve) => setTimeout(resolve, 100))
      adopt(await untilRedisAnswers(() => store.generation()))
    }
  }
  /** More is missing than a batch can wait for: goes on with what there is, and has it all counted anew beside. */
  const fallBehind = (chain: string) => {
    behind.add(chain)
    waiting.set(behind.size)
    telemetry.logger.warn(
      { partition: chain },
      `the counters lack more than ${most} rows of ${chain}, and stand still there until they are rebuilt: npm run assay -- counters rebuild`,
    )
    if (rebuilding) return
    rebuilding = true
    inBackground(
      rebuildUntilDone().finally(() => {
        rebuilding = false
      }),
    )
  }

  /** Closes a gap that begins at `stored`. False when it is left as it is. */
  const close = async (of: Generation, { from, ...chain }: CountedStep, stored: number): Promise<boolean> => {
    const name = chainOf(chain)
    if (behind.has(name)) return false
    if ((await countRows(database, chain, stored, from, most + 1)) > most) {
      fallBehind(name)
      return false
    }
    // Whoever comes second waits for the first, and looks again.
    if (closing.has(name)) {
      await closing.get(name)
      return true
    }
    let rows = 0
    const filling = fill(store, database, of, chain, stored, from, (n) => {
      rows += n
    })
    closing.set(name, filling)
    await filling.finally(() => closing.delete(name))
    filled.inc(rows)
    if (rows > 0) telemetry.logger.info({ partition: name, rows }, 'counted what Redis did not have')
    return true
  }

  const moveOnce = async (batch: Entries, steps: readonly CountedStep[]): Promise<void> => {
    for (;;) {
      const of = await inForce()
      const positions: Step[] = steps.map((step) => ({ chain: chainOf(step), from: step.from, to: step.to }))
      const moved = store.move(of, batch, positions)
      // Sent, so that whatever is read later sees it.
      if (batch instanceof Counted) held.delete(batch)
      const stored = await moved
      const gaps = steps.flatMap((step, i) => (stored[i] < 0 ? [] : [{ step, from: stored[i] }]))
      if (gaps.length === 0) return
      // A generation that is not in force any more is being deleted, and has nothing to be filled.
      if (adopt(await store.generation())) continue
      const closed = await Promise.all(gaps.map(({ step, from }) => close(of, step, from)))
      if (!closed.includes(true)) return
    }
  }
  let moving: Promise<unknown> = Promise.resolve()
  const move = (batch: Entries, steps: readonly CountedStep[]): Promise<void> => {
    // A batch of outcomes and parties counts nothing, and the script wants a partition.
    if (steps.length === 0) {
      if (batch instanceof Counted) held.delete(batch)
      return Promise.resolve()
    }
    for (const step of steps) reached.set(chainOf(step), { ...step, from: step.to })
    const sent = untilRedisAnswers(() => moveOnce(batch, steps))
    moving = Promise.all([moving, sent]).catch(() => undefined)
    return sent
  }

  /** Counts what any partition has and Redis does not. */
  function catchUpAll(): void {
    if (reached.size > 0 && !stopped) inBackground(move(new Entries(), [...reached.values()]))
  }
  // A Redis that has been away may have come back without its last second.
  store.redis.on('ready', catchUpAll)

  return {
    start: store.connect,
    async read(transactions) {
      const of: (Entity | undefined)[][] = []
      const entities = new Map<string, Entity>()
      for (const { tenant, parties } of transactions)
        of.push(
          entitiesOf(tenant, parties).map((name) => {
            if (name === undefined) return undefined
            let entity = entities.get(name)
            if (!entity) {
              entity = newEntity(name, false)
              entities.set(name, entity)
            }
            return entity
          }),
        )
      const list = [...entities.values()]
      let states = new Uint32Array(0)
      await untilRedisAnswers(async () => {
        // A move whose answer was lost is being sent again; until then nobody knows whether what is read holds it.
        if (problem) await moving
        for (;;) {
          const asked = await inForce()
          const above = [...held]
          const { values, inForce: now } = await store.read(asked, list)
          if (adopt(now ?? (await store.generation()), now === undefined)) continue
          states = spare && spare.length >= list.length * stateWords ? spare.fill(0) : new Uint32Array(list.length * stateWords)
          spare = undefined
          for (let i = 0; i < list.length; i++) {
            const entity = list[i]
            const state = states.subarray(i * stateWords, (i + 1) * stateWords)
            readValue(values[i], state)
            for (const batch of above) {
              const entries = batch.entities.get(entity.name)?.entries
              if (entries) for (let e = 0; e < entries.length; e += 4) applyEntry(state, entries[e], entries[e + 1])
            }
            entity.state = state
          }
          return
        }
      })
      return new Counted(of, list, states)
    },
    hold(batch) {
      held.add(batch)
      spare = batch.states
    },
    drop: (batch) => void held.delete(batch),
    move,
    catchUp(chain, position) {
      inBackground(move(new Entries(), [{ ...chain, from: position, to: position }]))
    },
    problem: () => problem,
    endRetries() {
      stopped = true
    },
    async stop() {
      stopped = true
      await Promise.race([Promise.all([moving, ...background]), new Promise((resolve) => setTimeout(resolve, 2000))])
      store.stop()
      await Promise.all(background)
    },
  }
}
