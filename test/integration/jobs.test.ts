import { describe, expect, onTestFinished, test } from 'vitest'
import { type Bell, createBell } from '../../services/shared/jobs.ts'
import { redisServer } from '../helpers/redis.ts'
import { eventually, testTelemetry, unique } from '../helpers/servers.ts'

type Ring = { who: string }

async function bell(redis: string, answer: (data: Ring) => Promise<void>): Promise<Bell<Ring>> {
  const made = createBell<Ring>({ redis, prefix: unique('test-'), name: 'bells', telemetry: testTelemetry(), answer })
  onTestFinished(() => made.stop())
  await made.start()
  await made.start()
  return made
}
const ready = (b: Bell<Ring>) =>
  eventually('the bell', () =>
    b.ring('first', { who: 'first' }, Date.now()).then(
      () => true,
      () => false,
    ),
  )

describe('a bell', () => {
  test('rings when it is due, once for a key that was set several times', async () => {
    const redis = await redisServer()
    const heard: { who: string; at: number }[] = []
    const b = await bell(redis.address, async ({ who }) => void heard.push({ who, at: Date.now() }))
    await ready(b)
    const due = Date.now() + 700
    for (let i = 0; i < 3; i++) await b.ring('tenant case:1 0', { who: 'late' }, due)
    await b.ring('tenant case:2 0', { who: 'soon' }, 0)
    await eventually('the late ring', () => heard.some((h) => h.who === 'late'))
    expect(heard.map((h) => h.who)).toEqual(['first', 'soon', 'late'])
    expect(heard[2].at).toBeGreaterThanOrEqual(due)
  })

  test('rings again when its answer failed', async () => {
    const redis = await redisServer()
    let tries = 0
    const b = await bell(redis.address, async () => {
      if (++tries < 3) throw new Error('TiDB is away')
    })
    await ready(b)
    await eventually('the third try', () => tries === 3)
  })

  test('refuses at once while Redis is away, says so, and works when it is back with an empty disk', async () => {
    const redis = await redisServer()
    const heard: string[] = []
    const b = await bell(redis.address, async ({ who }) => void heard.push(who))
    await ready(b)
    await eventually('the first ring', () => heard.length === 1)
    await redis.kill()
    await eventually('a problem', () => !b.health().ready)
    const before = Date.now()
    await expect(b.ring('second', { who: 'second' }, 0)).rejects.toMatchObject({ code: 'redis_away' })
    expect(Date.now() - before).toBeLessThan(1000)
    expect(b.health().problems[0]).toContain('Redis of the jobs')
    await redis.startEmpty()
    await eventually('health', () => b.health().ready)
    await b.ring('second', { who: 'second' }, 0)
    await eventually('the second ring', () => heard.includes('second'))
  })

  test('stops although Redis was never there', async () => {
    const redis = await redisServer()
    await redis.kill()
    const b = await bell(redis.address, async () => undefined)
    await expect(b.ring('first', { who: 'first' }, 0)).rejects.toMatchObject({ code: 'redis_away' })
    const before = Date.now()
    await b.stop()
    expect(Date.now() - before).toBeLessThan(5000)
  })
})
