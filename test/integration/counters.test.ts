import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { counterFeatures } from '../../models/fold/counter-features.ts'
import { cardBit, readCounters, stateWords } from '../../models/fold/counters.ts'
import { hashOf } from '../../models/fold/entry.ts'
import { type Counters, createCounters } from '../../services/detector/counters/counters.ts'
import { applyEntry, Entries, newEntity, readValue } from '../../services/detector/counters/entries.ts'
import { beginGeneration, deleteGeneration, putInForce } from '../../services/detector/counters/generations.ts'
import { patternOf, prefixesOf, shardOf } from '../../services/detector/counters/names.ts'
import { rebuild } from '../../services/detector/counters/rebuild.ts'
import { codes, entryBytes, mostEntries, stateBytes } from '../../services/detector/counters/script.ts'
import { openStore, type Store } from '../../services/detector/counters/store.ts'
import type { Transaction } from '../../services/shared/events.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { putDecided, statesByRedis, statesByTiDB } from '../helpers/counted.ts'
import { redisServer } from '../helpers/redis.ts'
import { eventually, testConfig, testDatabase, testTelemetry, unique } from '../helpers/servers.ts'
import { transaction } from '../helpers/transactions.ts'

const day = 86_400_000
const place = (offset: number, partition = 0) => ({ tenant: 'bank', topic: 'transactions', partition, log: 0, offset }) as const
const step = (from: number, to: number, partition = 0) => ({ chain: `bank:transactions:${partition}`, from, to })
const countedStep = (from: number, to: number, partition = 0) => ({ tenant: 'bank', topic: 'transactions', partition, from, to }) as const

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

type Bench = { database: Database; counters: Counters; store: Store; config: ReturnType<typeof testConfig> }

async function bench(options: { redis?: string; mostFilled?: number } = {}): Promise<Bench> {
  const config = testConfig(options.redis ? { ASSAY_REDIS: options.redis } : {})
  const database = await testDatabase(config)
  const counters = createCounters({
    redis: config.redis,
    group: config.group,
    database,
    telemetry: testTelemetry(),
    ...(options.mostFilled === undefined ? {} : { mostFilled: options.mostFilled }),
  })
  counters.start()
  onTestFinished(() => counters.stop())
  const s = openStore(config.redis, config.group)
  onTestFinished(async () => {
    if (!s.problem()) {
      const generation = await s.generation()
      await deleteGeneration(s, generation)
      await s.redis.del(`${config.group}:counters`)
    }
    s.stop()
  })
  await s.ready()
  return { database, counters, store: s, config }
}

const some = (n: number): Transaction[] =>
  Array.from({ length: n }, (_, i) =>
    transaction('bank', {
      instrument: `card-${i % 17}`,
      customer: `customer-${i % 17}`,
      counterparty: `shop-${i % 5}`,
      device: `device-${i % 23}`,
      ...(i % 2 === 0 ? {} : { ip: `2001:DB8::${i % 7}` }),
      time: new Date(Date.now() - (i % 29) * day).toISOString(),
    }),
  )

/** Decides transactions as a detector does: read, count, record, move. */
async function decide(b: Bench, transactions: readonly Transaction[], offset: number, partition = 0): Promise<number[][]> {
  const batch = await b.counters.read(transactions.map((t) => ({ tenant: 'bank', parties: t })))
  const features = transactions.map((t, i) => {
    const out = new Float32Array(3 * counterFeatures.length)
    batch.write(i, Date.parse(t.time), out, 0)
    batch.count(i, place(offset + i, partition), Date.parse(t.time), cardBit(hashOf(t.instrument)))
    return [...out]
  })
  b.counters.hold(batch)
  await putDecided(
    b.database,
    transactions.map((t, i) => ({ transaction: t, partition, offset: offset + i })),
  )
  await b.counters.move(batch, [countedStep(offset, offset + transactions.length, partition)])
  return features
}

/** Says how far partition 0 is recorded. */
const progressAt = (b: Bench, next: number) =>
  b.database.execute(
    `INSERT INTO progress (tenant, topic, part, log, epoch, next_offset, owner, updated) VALUES ('bank', 'transactions', 0, 0, 1, ${next}, 'test', 0)
     ON DUPLICATE KEY UPDATE next_offset = ${next}`,
  )

/** Waits until Redis holds what follows from TiDB. */
async function eventuallyExact(b: Bench): Promise<void> {
  const expected = await statesByTiDB(b.database)
  await eventually('the counters', async () => isDeepStrictEqual(await statesByRedis(b.store, expected.keys()), expected))
}

async function expectExact(b: Bench): Promise<void> {
  const expected = await statesByTiDB(b.database)
  expect(expected.size).toBeGreaterThan(0)
  expect(await statesByRedis(b.store, expected.keys())).toEqual(expected)
}

describe('the counters', () => {
  test('give each transaction what those before it did, within a batch, from Redis, and from a batch on its way', async () => {
    const b = await bench()
    const now = new Date().toISOString()
    const same = (n: number) =>
      Array.from({ length: n }, (_, i) => transaction('bank', { device: 'd', counterparty: 'c', instrument: `card-${i}`, time: now }))
    const count24 = counterFeatures.findIndex((f) => f.name === 'count_24h')
    const counts = (features: number[][]) => features.map((f) => f[count24])
    expect(counts(await decide(b, same(3), 0))).toEqual([0, 1, 2])
    const onItsWay = await b.counters.read(same(2).map((t) => ({ tenant: 'bank', parties: t })))
    for (const i of [0, 1]) onItsWay.count(i, place(3 + i), Date.parse(now), i)
    b.counters.hold(onItsWay)
    const seen = async () => {
      const out = new Float32Array(3 * counterFeatures.length)
      ;(await b.counters.read([{ tenant: 'bank', parties: { counterparty: 'c' } }])).write(0, Date.parse(now), out, 0)
      return [out[count24], out[counterFeatures.length + count24]]
    }
    expect(await seen()).toEqual([5, 0])
    await b.counters.move(onItsWay, [countedStep(3, 5)])
    expect(await seen()).toEqual([5, 0])
    const givenBack = await b.counters.read([{ tenant: 'bank', parties: { counterparty: 'c' } }])
    givenBack.count(0, place(5), Date.parse(now), 9)
    b.counters.hold(givenBack)
    expect(await seen()).toEqual([6, 0])
    b.counters.drop(givenBack)
    expect(await seen()).toEqual([5, 0])
  })

  test('are kept longer once in six days in which they are written to', async () => {
    const b = await bench()
    const generation = await b.store.generation()
    const key = `${prefixesOf(b.config.group, generation)[shardOf('d:bank:d', generation.shards)]}d:bank:d`
    const write = async (offset: number, daysAgo: number) => {
      await b.store.redis.expire(key, 1000)
      await decide(b, [transaction('bank', { device: 'd', time: new Date(Date.now() - daysAgo * day).toISOString() })], offset)
      return b.store.redis.ttl(key)
    }
    expect(await write(0, 20)).toBeGreaterThan(40 * 86_400)
    expect(await write(1, 20)).toBeLessThanOrEqual(1000)
    expect(await write(2, 0)).toBeGreaterThan(40 * 86_400)
  })

  test('fill from TiDB what a crash left out, whoever moves the partition next', async () => {
    const b = await bench()
    await decide(b, some(50), 0)
    // Recorded by somebody who ended before the move.
    await putDecided(
      b.database,
      some(90).map((t, i) => ({ transaction: t, partition: 0, offset: 50 + i })),
    )
    await decide(b, some(10), 140)
    await expectExact(b)
    // And when the partition is claimed, without a batch.
    await putDecided(
      b.database,
      some(20).map((t, i) => ({ transaction: t, partition: 0, offset: 150 + i })),
    )
    b.counters.catchUp({ tenant: 'bank', topic: 'transactions', partition: 0 }, 170)
    await eventuallyExact(b)
  })

  test('pass from one log of a topic to the next', async () => {
    const b = await bench()
    await decide(b, some(30), 0)
    const again = some(40)
    await putDecided(
      b.database,
      again.map((t, i) => ({ transaction: t, partition: 0, log: 1, offset: i })),
    )
    await b.counters.move(await b.counters.read([]), [countedStep(2 ** 40 + 40, 2 ** 40 + 40)])
    await expectExact(b)
  })

  test('come back after a Redis that lost everything, and wait for one that is away', async () => {
    const redis = await redisServer()
    const b = await bench({ redis: redis.address })
    await decide(b, some(200), 0)
    await decide(b, some(100), 0, 1)
    await redis.kill()
    await eventually('the connection to be lost', () => b.store.problem() !== undefined)
    const waiting = decide(b, some(60), 200)
    await eventually('the problem', () => b.counters.problem())
    expect(b.counters.problem()).toMatch(/the Redis of the counters is away/)
    await redis.startEmpty()
    await waiting
    expect(b.counters.problem()).toBeUndefined()
    await eventually('Redis', () => b.store.problem() === undefined)
    // Partition 1 has no batch of its own since.
    await eventuallyExact(b)
  })

  test('go on with what they have when more is missing than can be waited for, and are rebuilt by themselves', async () => {
    const b = await bench({ mostFilled: 100 })
    await putDecided(
      b.database,
      some(300).map((t, i) => ({ transaction: t, partition: 0, offset: i })),
    )
    await b.database.execute(
      "INSERT INTO progress (tenant, topic, part, log, epoch, next_offset, owner, updated) VALUES ('bank', 'transactions', 0, 0, 1, 310, 'test', 0)",
    )
    await decide(b, some(10), 300)
    await eventually('the new generation', async () => (await b.store.generation()).number === 2)
    await decide(b, some(10), 310)
    await expectExact(b)
    expect(await b.store.redis.keys(patternOf(b.config.group, 1))).toEqual([])
  })

  test('are counted anew into other shards while detectors go on, and exactly', async () => {
    const b = await bench()
    let offset = 0
    const go = async () => {
      await decide(b, some(40), offset)
      offset += 40
      await progressAt(b, offset)
    }
    for (let i = 0; i < 5; i++) await go()
    const rebuilding = rebuild(b.store, b.database, { shards: 3 })
    for (let i = 0; i < 5; i++) await go()
    expect(await rebuilding).toMatchObject({ generation: 2, shards: 3 })
    await go()
    expect(await b.store.generation()).toEqual({ number: 2, shards: 3 })
    await expectExact(b)
    expect(await b.store.redis.keys(patternOf(b.config.group, 1))).toEqual([])
  })

  test('are rebuilt by whoever began last: one that was overtaken puts nothing in force, and what it filled is deleted', async () => {
    const b = await bench()
    await decide(b, some(40), 0)
    await progressAt(b, 40)
    let later: ReturnType<typeof beginGeneration> | undefined
    const overtaken = rebuild(b.store, b.database, {
      progress: () => {
        later ??= beginGeneration(b.store, 2)
      },
    })
    await expect(overtaken).rejects.toMatchObject({ code: 'rebuild_overtaken' })
    expect(await later).toEqual({ number: 3, shards: 2 })
    expect(await b.store.generation()).toMatchObject({ number: 1 })
    expect(await rebuild(b.store, b.database)).toMatchObject({ generation: 4 })
    await decide(b, some(10), 40)
    await expectExact(b)
    for (const number of [1, 2, 3]) expect(await b.store.redis.keys(patternOf(b.config.group, number))).toEqual([])
  })

  test('are rid of a generation that was replaced by somebody who died before deleting it', async () => {
    const b = await bench()
    await decide(b, some(40), 0)
    await progressAt(b, 40)
    expect(await putInForce(b.store, await beginGeneration(b.store))).toBe(true)
    expect(await b.store.redis.keys(patternOf(b.config.group, 1))).not.toEqual([])
    const next = createCounters({ redis: b.config.redis, group: b.config.group, database: b.database, telemetry: testTelemetry() })
    onTestFinished(() => next.stop())
    next.start()
    next.catchUp({ tenant: 'bank', topic: 'transactions', partition: 0 }, 40)
    await eventually('the old generation to go', async () => (await b.store.redis.keys(patternOf(b.config.group, 1))).length === 0)
    await eventuallyExact(b)
    await eventually('the note of it to go', async () => {
      const meta = await b.store.redis.hgetall(`${b.config.group}:counters`)
      return isDeepStrictEqual(Object.keys(meta).sort(), ['generation', 'shards'])
    })
  })

  test('are rebuilt by one at a time', async () => {
    const b = await bench()
    await b.store.redis.set(`${b.config.group}:counters:lock`, 'somebody', 'PX', 60_000)
    onTestFinished(() => void b.store.redis.del(`${b.config.group}:counters:lock`))
    expect(await rebuild(b.store, b.database)).toBeUndefined()
  })
})

test('what closes a gap is found by its place, not by reading the table', async ({ skip }) => {
  const b = await bench()
  if ((await b.database.product()).name !== 'TiDB') skip('the plan is TiDB’s')
  await putDecided(
    b.database,
    some(500).map((t, i) => ({ transaction: t, partition: i % 4, offset: i })),
  )
  const plan = await b.database.query<{ 'access object': string }>(
    `EXPLAIN SELECT time, event, log, log_offset FROM transactions WHERE tenant = 'bank' AND part = 1 AND log = 0 AND log_offset >= 100 AND log_offset < 200
     AND time >= ${Date.now() - 41 * day} ORDER BY log, log_offset LIMIT 4000`,
  )
  expect(plan.map((line) => line['access object']).join(' ')).toMatch(/by_place/)
})
