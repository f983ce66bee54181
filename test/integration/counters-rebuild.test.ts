import { isDeepStrictEqual } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createCounters } from '../../services/detector/counters/counters.ts'
import { beginGeneration, putInForce } from '../../services/detector/counters/generations.ts'
import { patternOf } from '../../services/detector/counters/names.ts'
import { rebuild } from '../../services/detector/counters/rebuild.ts'
import { putDecided } from '../helpers/counted.ts'
import { bench, decide, eventuallyExact, expectExact, progressAt, some } from '../helpers/counting.ts'
import { eventually, testTelemetry } from '../helpers/servers.ts'

describe('the counters', () => {
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
