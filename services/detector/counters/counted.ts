/** What the counters say to one batch, and what the batch adds to them. */
import { counterFeatures, entityTypes } from '../../../models/fold/counter-features.ts'
import { readCounters, stateWords } from '../../../models/fold/counters.ts'
import type { Place } from '../batch.ts'
import { applyEntry, type Entity, Entries, newEntity, readValue } from './entries.ts'
import { entitiesOf, type Parties } from './names.ts'

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

/** The entities of transactions: `of` as `entitiesOf` gives them for each, `list` has every one once. */
export function entitiesIn(transactions: readonly { tenant: string; parties: Parties }[]): {
  of: (Entity | undefined)[][]
  list: Entity[]
} {
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
  return { of, list: [...entities.values()] }
}

/** Gives each entity its state: what Redis has of it, and over that what the batches on their way add. `states` is empty and long enough. */
export function setStates(
  entities: readonly Entity[],
  values: readonly (Buffer | null)[],
  above: readonly Entries[],
  states: Uint32Array<ArrayBuffer>,
): void {
  for (let i = 0; i < entities.length; i++) {
    const entity = entities[i]
    const state = states.subarray(i * stateWords, (i + 1) * stateWords)
    readValue(values[i], state)
    for (const batch of above) {
      const entries = batch.entities.get(entity.name)?.entries
      if (entries) for (let e = 0; e < entries.length; e += 4) applyEntry(state, entries[e], entries[e + 1])
    }
    entity.state = state
  }
}
