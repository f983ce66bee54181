import { createServer } from 'node:http'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import {
  createHealthServer,
  joinHealth,
  listen,
  type Part,
  type Service,
  startAll,
  stopAll,
  untilItWorks,
} from '../../services/shared/lifecycle.ts'
import { createTelemetry } from '../../services/shared/telemetry.ts'

const telemetry = createTelemetry('test', 'silent')
let events: string[] = []
afterEach(() => {
  events = []
})

const part = (name: string, fails: { start?: true; stop?: true } = {}): Part => ({
  name,
  async start() {
    events.push(`start ${name}`)
    if (fails.start) throw new Error(`${name} cannot start`)
  },
  async stop() {
    events.push(`stop ${name}`)
    if (fails.stop) throw new Error(`${name} cannot stop`)
  },
})

describe('parts', () => {
  test('start in order and stop in reverse', async () => {
    const parts = [part('a'), part('b')]
    await startAll(parts)
    await stopAll(parts)
    expect(events).toEqual(['start a', 'start b', 'stop b', 'stop a'])
  })

  test('that started are stopped again when a later one cannot start, and its error is the one that is told', async () => {
    const starting = startAll([part('a', { stop: true }), part('b', { start: true }), part('c')])
    await expect(starting).rejects.toThrow('b cannot start')
    expect(events).toEqual(['start a', 'start b', 'stop b', 'stop a'])
  })

  test('are all stopped even if one of them fails, and the first failure is told', async () => {
    await expect(stopAll([part('a'), part('b', { stop: true }), part('c', { stop: true })])).rejects.toThrow('c cannot stop')
    expect(events).toEqual(['stop c', 'stop b', 'stop a'])
  })
})

test('a port that is taken is told with the variable that changes it', async () => {
  const [first, second] = [createServer(), createServer()]
  onTestFinished(() => {
    first.close()
    second.close()
  })
  const port = await listen(first, 0, '127.0.0.1', 'ASSAY_HEALTH_PORT')
  await expect(listen(second, port, '127.0.0.1', 'ASSAY_HEALTH_PORT')).rejects.toMatchObject({
    code: 'port_in_use',
    message: expect.stringContaining('ASSAY_HEALTH_PORT'),
  })
})

describe('the health server', () => {
  async function serve(health: () => ReturnType<Service['health']>) {
    const service: Service = { name: 'x', start: () => Promise.resolve(), stop: () => Promise.resolve(), health }
    const server = createHealthServer(service, telemetry, { host: '127.0.0.1', healthPort: 0 })
    await server.start()
    await server.start()
    onTestFinished(() => server.stop())
    return (path: string) => fetch(`http://127.0.0.1:${server.port()}${path}`)
  }

  test('says live while the process turns, and ready or not with the problems as the service says', async () => {
    let ready = false
    const get = await serve(() => ({ ready, problems: ready ? [] : ['Kafka is away'] }))
    expect((await get('/livez')).status).toBe(200)
    const away = await get('/readyz')
    expect([away.status, await away.json()]).toEqual([503, { ready: false, problems: ['Kafka is away'] }])
    ready = true
    expect((await get('/readyz')).status).toBe(200)
    expect((await get('/else')).status).toBe(404)
  })

  test('gives the metrics of the process', async () => {
    telemetry.counter('assay_test_things_total', 'Things').inc(3)
    const get = await serve(() => ({ ready: true, problems: [] }))
    expect(await (await get('/metrics')).text()).toContain('assay_test_things_total 3')
  })
})

test('the health of several is ready when each is, and has the problems of all', () => {
  expect(joinHealth({ ready: true, problems: [] }, { ready: true, problems: [] })).toEqual({ ready: true, problems: [] })
  expect(joinHealth({ ready: false, problems: ['a'] }, { ready: false, problems: ['b'] })).toEqual({ ready: false, problems: ['a', 'b'] })
})

describe('what may be away at first', () => {
  test('is tried until it works', async () => {
    let attempts = 0
    const attempt = () => (++attempts < 3 ? Promise.reject(new Error('away')) : Promise.resolve('here'))
    expect(await untilItWorks('x', telemetry, () => false, attempt)).toBe('here')
  })

  test('is given up when the caller stops', async () => {
    let stopped = false
    const attempt = () => {
      stopped = true
      return Promise.reject(new Error('away'))
    }
    await expect(untilItWorks('x', telemetry, () => stopped, attempt)).rejects.toThrow('away')
  })
})
