import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest'
import { kafka } from '../../infra/stack/kafka.ts'
import { launchServer } from '../../infra/stack/launch.ts'
import { isAlive } from '../../infra/stack/process.ts'
import type { Program } from '../../infra/stack/recipe.ts'
import type { Started } from '../../infra/stack/record.ts'
import { down } from '../../infra/stack/stack.ts'
import { createBus, type Received } from '../../services/shared/bus.ts'
import { eventually, testTelemetry, unique } from '../helpers/servers.ts'

/** A broker that only this file uses, so that it may be killed. */
const directory = mkdtempSync(join(tmpdir(), 'assay-kafka-'))
const report = () => undefined
let program: Program
let broker: Started

const start = async () => {
  broker = await launchServer(directory, 'kafka', program, report, broker?.port)
}
const kill = async () => {
  process.kill(broker.pid ?? 0, 'SIGKILL')
  await eventually('the end of the broker', () => broker.process !== undefined && !isAlive(broker.process))
}

beforeAll(async () => {
  program = await kafka(directory, report)
  await start()
}, 180_000)
afterEach(async () => {
  if (broker.process && !isAlive(broker.process)) await start()
})
afterAll(async () => {
  await down(directory, { erase: true })
  rmSync(directory, { recursive: true, force: true })
})

async function busWithTopic(patience = 60_000) {
  const bus = createBus([broker.address], { name: unique('test-'), telemetry: testTelemetry(), patience })
  await bus.start()
  onTestFinished(() => bus.stop())
  const topic = unique('test.')
  await (await bus.admin()).createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] })
  return { bus, topic }
}

function read(bus: ReturnType<typeof createBus>, topic: string) {
  const seen: Received[] = []
  const group = unique('test-')
  const consumption = bus.consume({
    group,
    topics: [topic],
    fromBeginning: true,
    each: (records) => {
      seen.push(...records)
      return Promise.resolve()
    },
  })
  onTestFinished(() => consumption.stop())
  const committed = async () => {
    const [{ partitions }] = await (await bus.admin()).fetchOffsets({ groupId: group, topics: [topic] })
    return partitions[0].offset === String(seen.length)
  }
  return { consumption, committed, values: () => seen.map((r) => r.value?.toString()) }
}

test('a broker that was killed and comes back is gone on with: what was sent meanwhile arrives once, in order', async () => {
  const { bus, topic } = await busWithTopic()
  const { consumption, committed, values } = read(bus, topic)
  await consumption.start()
  await bus.send([{ topic, key: 'k', value: 'before' }])
  await eventually('the first record', async () => values().length === 1 && (await committed()))

  await kill()
  const meanwhile = Array.from({ length: 20 }, (_, i) => bus.send([{ topic, key: 'k', value: `meanwhile ${i}` }]))
  await start()
  await Promise.all(meanwhile)
  await bus.send([{ topic, key: 'k', value: 'after' }])
  await eventually('all records', () => values().length >= 22, 60)
  expect(values()).toEqual(['before', ...Array.from({ length: 20 }, (_, i) => `meanwhile ${i}`), 'after'])
  expect([bus.ready(), consumption.ready()]).toEqual([true, true])
}, 120_000)

test('a broker that stays away past the retries is an error to who sends or starts, and when it is back the same buses work', async () => {
  const { bus, topic } = await busWithTopic(1000)
  const { consumption, committed, values } = read(bus, topic)
  await consumption.start()
  await bus.send([{ topic, key: 'k', value: 'before' }])
  await eventually('the first record', async () => values().length === 1 && (await committed()))

  await kill()
  const late = createBus([broker.address], { name: unique('test-'), telemetry: testTelemetry() })
  onTestFinished(() => late.stop())
  const lateReader = read(late, topic)
  const away = await Promise.allSettled([bus.send([{ topic, key: 'k', value: 'lost' }]), late.start(), lateReader.consumption.start()])
  expect(away.map((r) => r.status)).toEqual(['rejected', 'rejected', 'rejected'])
  expect(away[0]).toMatchObject({ reason: { code: 'kafka_away', status: 503 } })
  expect([bus.ready(), late.ready(), lateReader.consumption.ready()]).toEqual([false, false, false])
  await eventually('the consumer to notice', () => !consumption.ready())

  await start()
  await late.start()
  await lateReader.consumption.start()
  await bus.send([{ topic, key: 'k', value: 'after' }])
  expect([bus.ready(), late.ready()]).toEqual([true, true])
  await eventually('the record after the outage', () => values().length === 2 && lateReader.values().length === 2, 60)
  expect([values(), lateReader.values()]).toEqual([
    ['before', 'after'],
    ['before', 'after'],
  ])
}, 180_000)
