import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { counterFeatures } from '../../models/fold/counter-features.ts'
import { readCounters, stateWords } from '../../models/fold/counters.ts'
import { applyEntry, Entries, newEntity, readValue } from '../../services/detector/counters/entries.ts'
import { deleteGeneration } from '../../services/detector/counters/generations.ts'
import { prefixesOf, shardOf } from '../../services/detector/counters/names.ts'
import { codes, entryBytes, mostEntries, stateBytes } from '../../services/detector/counters/script.ts'
import { openStore, type Store } from '../../services/detector/counters/store.ts'
import { statesByRedis } from '../helpers/counted.ts'
import { place } from '../helpers/counting.ts'
import { testConfig, unique } from '../helpers/servers.ts'

const step = (from: number, to: number, partition = 0) => ({ chain: `bank:transactions:${partition}`, from, to })

async function store(address = testConfig().redis): Promise<Store> {
  const made = openStore(address, unique('counters-'))
  onTestFinished(() => made.stop())
  await made.ready()
  return made
}

const eachEntry = (value: Buffer): [number, number][] =>
  Array.from({ length: value.length / entryBytes }, (_, i) => [value.readUInt32BE(i * entryBytes), value[i * entryBytes + 4]])

const stateOf = (entries: readonly (readonly [number, number])[]): Uint32Array => {
  const state = new Uint32Array(stateWords)
  for (const [seconds, code] of entries) applyEntry(state, seconds, code)
  return state
}

describe('the script', () => {
  test('folds a long value into the bytes that the functions of the features make of the same events', async () => {
    const s = await store()
    const generation = await s.generation()
    const start = Math.floor(Date.UTC(2026, 4, 1) / 1000)
    const event = fc.tuple(
      fc.integer({ min: start, max: start + 90 * 86_400 }),
      fc.oneof(
        { weight: 5, arbitrary: fc.integer({ min: 0, max: 127 }) },
        fc.constantFrom(codes.fraud, codes.noFraud, codes.genuine, codes.notGenuine),
      ),
    )
    let serial = 0
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(event, { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 12 }), async (batches) => {
        const name = `c:bank:shop-${serial++}`
        let offset = serial * 10_000
        const from = [offset]
        await s.move(generation, new Entries(), [step(0, offset)])
        for (const batch of batches) {
          const entries = new Entries()
          for (const [seconds, code] of batch) entries.add(entries.entity(name), place(offset++), seconds, code)
          expect(await s.move(generation, entries, [step(from.at(-1) as number, offset)])).toEqual([-1])
          from.push(offset)
        }
        const all = batches.flat()
        const [value] = (await s.read(generation, [newEntity(name, false)])).values as Buffer[]
        const state = new Uint32Array(stateWords)
        readValue(value, state)
        expect(state).toEqual(stateOf(all))
        if (value.length < stateBytes) {
          expect(eachEntry(value)).toEqual(all)
          expect(all.length).toBeLessThanOrEqual(mostEntries)
          return
        }
        // What is folded is what came before the entries that are left, and a fold leaves none too many.
        const left = (value.length - stateBytes) / entryBytes
        const folded = stateOf(all.slice(0, all.length - left))
        expect(value.readUInt32BE(0)).toBe(0)
        expect(Array.from({ length: stateWords }, (_, i) => value.readUInt32BE(4 + 4 * i))).toEqual([...folded])
        expect(left).toBeLessThanOrEqual(mostEntries)
      }),
      { numRuns: 40 },
    )
    await deleteGeneration(s, generation)
  })

  test('counts what is sent twice once, the rest of what was counted in part, and nothing beyond a gap', async () => {
    const s = await store()
    const generation = await s.generation()
    const seconds = Math.floor(Date.now() / 1000)
    const batch = (from: number, to: number, partition = 0) => {
      const entries = new Entries()
      for (let offset = from; offset < to; offset++) {
        entries.add(entries.entity('c:bank:shop'), place(offset, partition), seconds, 1)
        entries.add(entries.entity(`d:bank:device-${offset}`), place(offset, partition), seconds, 1)
      }
      return entries
    }
    const counted = async () => {
      const states = await statesByRedis(s, ['c:bank:shop', ...Array.from({ length: 40 }, (_, i) => `d:bank:device-${i}`)])
      return [...states.values()].map((state) => {
        const out = new Float32Array(counterFeatures.length)
        readCounters(state, seconds * 1000, out, 0)
        return out[1]
      })
    }
    const devices = (n: number) => Array.from({ length: 40 }, (_, i) => (i < n ? 1 : 0))
    expect(await s.move(generation, batch(0, 10), [step(0, 10)])).toEqual([-1])
    expect(await s.move(generation, batch(0, 10), [step(0, 10)])).toEqual([-1])
    expect(await counted()).toEqual([10, ...devices(10)])
    expect(await s.move(generation, batch(5, 15), [step(5, 15)])).toEqual([-1])
    expect(await counted()).toEqual([15, ...devices(15)])
    expect(await s.move(generation, batch(20, 25), [step(20, 25)])).toEqual([15])
    expect(await counted()).toEqual([15, ...devices(15)])
    // Two partitions in one batch: one has a gap, the other counts.
    const mixed = batch(20, 25)
    mixed.add(mixed.entity('c:bank:shop'), place(0, 1), seconds, 2)
    expect(await s.move(generation, mixed, [step(20, 25), step(0, 1, 1)])).toEqual([15, -1])
    expect(await counted()).toEqual([16, ...devices(15)])
    expect(await s.move(generation, batch(15, 20), [step(15, 20)])).toEqual([-1])
    expect(await s.move(generation, mixed, [step(20, 25), step(0, 1, 1)])).toEqual([-1, -1])
    expect(await counted()).toEqual([26, ...devices(25)])
    await deleteGeneration(s, generation)
  })

  test('keeps an entity for more than 40 days after it was last written to', async () => {
    const s = await store()
    const generation = await s.generation()
    const name = 'i:bank:192.0.2.1'
    const key = prefixesOf(s.group, generation)[shardOf(name, generation.shards)] + name
    const write = async (offset: number, keep: boolean) => {
      const entries = new Entries()
      const entity = entries.entity(name)
      entity.keep = keep
      entries.add(entity, place(offset), 1_790_000_000, 3)
      await s.move(generation, entries, [step(offset, offset + 1)])
      return s.redis.ttl(key)
    }
    expect(await write(0, false)).toBeGreaterThan(40 * 86_400)
    await s.redis.expire(key, 1000)
    expect(await write(1, false)).toBeLessThanOrEqual(1000)
    expect(await write(2, true)).toBeGreaterThan(40 * 86_400)
    await deleteGeneration(s, generation)
  })
})
