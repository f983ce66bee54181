/**
 * The counters as the detector sees them: read for a whole batch before it is decided, moved once TiDB has it. What a batch on its way will
 * add is laid over what the next one reads. What was recorded but not counted, by a crash or because Redis forgot, is found at the next
 * step of its partition, and filled from TiDB.
 */
import { stateWords } from '../../../models/fold/counters.ts'
import { messageOf } from '../../shared/errors.ts'
import type { Telemetry } from '../../shared/telemetry.ts'
import { backoff, type Database } from '../../shared/tidb/database.ts'
import { Counted, entitiesIn, setStates } from './counted.ts'
import { Entries, type Step } from './entries.ts'
import type { Chain, CountedStep } from './fill.ts'
import { createGaps } from './gaps.ts'
import { deleteLeftBehind } from './generations.ts'
import { chainOf, type Generation, type Parties } from './names.ts'
import { openStore, type Store } from './store.ts'

/** Rows of a gap that are filled while the partition waits; what is more is left to a rebuild. */
const mostFilled = 10_000

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

export function createCounters(options: {
  redis: string
  group: string
  database: Database
  telemetry: Telemetry
  mostFilled?: number
}): Counters {
  const { database, telemetry } = options
  const store: Store = openStore(options.redis, options.group, { lazy: true })
  const held = new Set<Counted>()
  /** Where each partition stands by TiDB, as far as this detector knows. */
  const reached = new Map<string, CountedStep>()
  /** Room of a batch that has been prepared, for the next one. */
  let spare: Uint32Array<ArrayBuffer> | undefined
  const background = new Set<Promise<unknown>>()
  let generation: Generation | undefined
  let stopped = false
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
    gaps.forget()
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

  const gaps = createGaps({
    store,
    database,
    telemetry,
    mostFilled: options.mostFilled ?? mostFilled,
    lookAgain: async () => void adopt(await untilRedisAnswers(() => store.generation())),
    inBackground,
    stopped: () => stopped,
  })

  const moveOnce = async (batch: Entries, steps: readonly CountedStep[]): Promise<void> => {
    for (;;) {
      const of = await inForce()
      const positions: Step[] = steps.map((step) => ({ chain: chainOf(step), from: step.from, to: step.to }))
      const moved = store.move(of, batch, positions)
      // Sent, so that whatever is read later sees it.
      if (batch instanceof Counted) held.delete(batch)
      const stored = await moved
      const lacking = steps.flatMap((step, i) => (stored[i] < 0 ? [] : [{ step, from: stored[i] }]))
      if (lacking.length === 0) return
      // A generation that is not in force any more is being deleted, and has nothing to be filled.
      if (adopt(await store.generation())) continue
      const closed = await Promise.all(lacking.map(({ step, from }) => gaps.close(of, step, from)))
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
      const { of, list } = entitiesIn(transactions)
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
          setStates(list, values, above, states)
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
