import { describe, expect, test } from 'vitest'
import { counterFeatures } from '../../models/fold/counter-features.ts'
import { prefixesOf, shardOf } from '../../services/detector/counters/names.ts'
import { putDecided } from '../helpers/counted.ts'
import { bench, decide, eventuallyExact, expectExact, place, some } from '../helpers/counting.ts'
import { redisServer } from '../helpers/redis.ts'
import { eventually } from '../helpers/servers.ts'
import { transaction } from '../helpers/transactions.ts'

const day = 86_400_000
const countedStep = (from: number, to: number, partition = 0) => ({ tenant: 'bank', topic: 'transactions', partition, from, to }) as const

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
