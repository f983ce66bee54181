/** Events on their way to Redis: what a batch adds to each entity, and how that is packed for the script. */
import { addLabel, addTransactionAt, knowsDaysOf } from '../../../models/fold/counters.ts'
import type { Place } from '../batch.ts'
import { positionOf } from '../batch.ts'
import { chainOf, entitiesOf, type Generation, type Parties, prefixesOf, shardOf } from './names.ts'
import { codes, entryBytes, placeBytes, stateBytes } from './script.ts'

const label = {
  fraud: { 1: codes.fraud, [-1]: codes.noFraud },
  genuine: { 1: codes.genuine, [-1]: codes.notGenuine },
} as const

/** What a label does to the counters: its own value on the day since when it is known, and back what it corrects. */
export type LabelEffect = { parties: Parties; changes: { value: 'fraud' | 'genuine'; knownAt: number; delta: 1 | -1 }[] }

/** A partition's step: the positions that its events lie between. */
export type Step = { chain: string; from: number; to: number }

/** An entry of a value: see `script.ts`. */
export function applyEntry(state: Uint32Array, seconds: number, code: number): void {
  if (code < 128) addTransactionAt(state, seconds, code)
  else addLabel(state, code < codes.genuine ? 'fraud' : 'genuine', seconds * 1000, code % 2 === 0 ? 1 : -1)
}

/** Reads a value of Redis into an empty state. */
export function readValue(value: Buffer | null, state: Uint32Array): void {
  if (value === null || value.length === 0) return
  let p = 0
  if (value.readUInt32BE(0) === 0) {
    for (let i = 0; i < state.length; i++) state[i] = value.readUInt32BE(4 + 4 * i)
    p = stateBytes
  }
  for (; p < value.length; p += entryBytes) applyEntry(state, value.readUInt32BE(p), value[p + 4])
}

/** An entity that a batch adds to. `entries` has four numbers each: seconds, code, index of the chain, position. */
export type Entity = {
  readonly name: string
  /** Its key and its shard in the generation they were found for. */
  key: string
  shard: number
  generation: Generation | undefined
  /** As of the events so far; undefined where nobody reads it. */
  state: Uint32Array | undefined
  /** Set when Redis must keep it longer from now on: once in six days is enough. */
  keep: boolean
  readonly entries: number[]
}

export const newEntity = (name: string, keep: boolean): Entity => ({
  name,
  key: '',
  shard: 0,
  generation: undefined,
  state: undefined,
  keep,
  entries: [],
})

/** Finds an entity's key and shard, once for each generation. `prefixes` are those of the generation's shards. */
export function locate(entity: Entity, generation: Generation, prefixes: readonly string[]): void {
  if (entity.generation === generation) return
  entity.shard = shardOf(entity.name, generation.shards)
  entity.key = prefixes[entity.shard] + entity.name
  entity.generation = generation
}

export class Entries {
  readonly entities = new Map<string, Entity>()
  readonly #chains = new Map<string, number>()
  #last: { place: Place; chain: number } | undefined

  /** The entity of that name, added if need be without a state. */
  entity(name: string): Entity {
    let entity = this.entities.get(name)
    if (!entity) {
      entity = newEntity(name, true)
      this.entities.set(name, entity)
    }
    return entity
  }

  /** Adds an event to an entity, and to its state where it has one. `seconds` since 1970. */
  add(entity: Entity, place: Place, seconds: number, code: number): void {
    entity.entries.push(seconds, code, this.#chain(place), positionOf(place.log, place.offset))
    if (!entity.state) return
    if (!entity.keep && !knowsDaysOf(entity.state, seconds)) entity.keep = true
    applyEntry(entity.state, seconds, code)
  }

  addLabel(place: Place, { parties, changes }: LabelEffect): void {
    for (const name of entitiesOf(place.tenant, parties)) {
      if (name === undefined) continue
      const entity = this.entity(name)
      for (const { value, knownAt, delta } of changes) this.add(entity, place, Math.floor(knownAt / 1000), label[value][delta])
    }
  }

  #chain(place: Place): number {
    const last = this.#last
    if (last && last.place.partition === place.partition && last.place.topic === place.topic && last.place.tenant === place.tenant)
      return last.chain
    const name = chainOf(place)
    const chain = this.#chains.get(name) ?? this.#chains.size
    this.#chains.set(name, chain)
    this.#last = { place, chain }
    return chain
  }

  /** For each shard the keys and the two last arguments of the script. Every event must lie in one of `steps`. */
  pack(group: string, generation: Generation, steps: readonly Step[]): { keys: string[]; events: Buffer; places: Buffer }[] {
    const stepOf = new Array<number>(this.#chains.size)
    for (const [name, index] of this.#chains) {
      stepOf[index] = steps.findIndex((step) => step.chain === name)
      if (stepOf[index] < 0) throw new RangeError(`the events of ${name} have no step`)
    }
    const prefixes = prefixesOf(group, generation)
    const shards = Array.from({ length: generation.shards }, () => ({ entities: [] as Entity[], events: 0 }))
    for (const entity of this.entities.values()) {
      if (entity.entries.length === 0) continue
      locate(entity, generation, prefixes)
      const shard = shards[entity.shard]
      shard.entities.push(entity)
      shard.events += entity.entries.length / 4
    }
    return shards.map((shard) => {
      const events = Buffer.allocUnsafe(shard.entities.length * 3 + shard.events * entryBytes)
      const places = Buffer.allocUnsafe(shard.events * placeBytes)
      let e = 0
      let p = 0
      const keys = shard.entities.map(({ key, keep, entries }) => {
        events[e++] = keep ? 1 : 0
        e = events.writeUInt16BE(entries.length / 4, e)
        for (let i = 0; i < entries.length; i += 4) {
          const step = stepOf[entries[i + 2]]
          e = events.writeUInt32BE(entries[i], e)
          events[e++] = entries[i + 1]
          p = places.writeUInt16BE(step + 1, p)
          p = places.writeUIntBE(entries[i + 3] - steps[step].from, p, 6)
        }
        return key
      })
      return { keys, events, places }
    })
  }
}
