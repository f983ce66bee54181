import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import type { Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { AssayError } from '../../services/shared/errors.ts'
import { tenantTopic, tenantTopics } from '../../services/shared/events.ts'
import { type Bus, createBus, type Received } from '../../services/shared/kafka/bus.ts'
import { defaultPartitioner, partitionOf } from '../../services/shared/kafka/kafkajs.ts'
import { eventually, testBus, testConfig, testTelemetry, unique } from '../helpers/servers.ts'

const require = createRequire(import.meta.url)
const config = testConfig()
let bus: Bus

beforeAll(async () => {
  bus = await testBus(config, { keep: true })
})
/** Deleted at the end of the file: a producer that has sent to a topic asks for it again whenever it looks for brokers. */
const made: string[] = []

afterAll(async () => {
  const admin = await bus.admin()
  const there = await admin.listTopics()
  await admin.deleteTopics({ topics: made.filter((topic) => there.includes(topic)) })
  await bus.stop()
})

/** A topic of the test's own. */
async function newTopic(partitions = 1): Promise<string> {
  const topic = unique('test.')
  const admin = await bus.admin()
  // kafkajs's own waiting for leaders gives up when the broker does not know yet what it has just made.
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }] })
  made.push(topic)
  await eventually(`a leader of ${topic}`, () =>
    admin.fetchTopicMetadata({ topics: [topic] }).then(
      ({ topics }) => topics[0].partitions.length === partitions && topics[0].partitions.every((p) => p.leader >= 0),
      () => false,
    ),
  )
  return topic
}

/** Reads a topic from its beginning into `seen`. */
async function reading(
  topic: string,
  each: (records: Received[]) => Promise<void> = async () => undefined,
  options: { group?: string } = {},
) {
  const seen: Received[] = []
  const consumption = bus.consume({
    group: options.group ?? unique('test-'),
    topics: [topic],
    fromBeginning: true,
    async each(records) {
      await each(records)
      seen.push(...records)
    },
  })
  await consumption.start()
  onTestFinished(() => consumption.stop())
  return { seen, consumption }
}

const committed = async (group: string, topic: string) =>
  (await (await bus.admin()).fetchOffsets({ groupId: group, topics: [topic] }))[0].partitions[0].offset

describe('sending', () => {
  test('a record arrives with its key, value and timestamp on the partition that its key names', async () => {
    const topic = await newTopic(4)
    const records = Array.from({ length: 40 }, (_, i) => ({ topic, key: `bank:c${i}`, value: `v${i}`, timestamp: 1_700_000_000_000 + i }))
    await bus.send(records)
    const { seen } = await reading(topic)
    await eventually('all 40 records', () => seen.length === 40)
    for (const r of seen) {
      const sent = records.find((s) => s.key === r.key)
      expect({ value: r.value?.toString(), timestamp: r.timestamp }).toEqual({ value: sent?.value, timestamp: sent?.timestamp })
      expect(r.partition).toBe(partitionOf(r.key ?? '', 4))
    }
  })

  test('the producer is idempotent, keeps one request under way, and waits for all replicas', async () => {
    const other = createBus(config.kafka, { name: unique('test-'), telemetry: testTelemetry() })
    onTestFinished(() => other.stop())
    const making = vi.spyOn(other.kafka, 'producer')
    await other.start()
    expect(making.mock.calls[0]?.[0]).toMatchObject({ idempotent: true, maxInFlightRequests: 1, createPartitioner: defaultPartitioner })
    const producer = making.mock.results[0]?.value as Producer
    const sending = vi.spyOn(producer, 'sendBatch')
    await other.send([{ topic: await newTopic(), key: 'k', value: 'v' }])
    expect(sending.mock.calls[0]?.[0]).toMatchObject({ acks: -1 })
  })

  test('many records of several topics go out in one request', async () => {
    const topics = [await newTopic(4), await newTopic(4)]
    const records = Array.from({ length: 500 }, (_, i) => ({ topic: topics[i % 2], key: `k${i}`, value: 'v' }))
    // Once every partition has taken something, its broker knows that it leads it.
    await bus.send(records)
    const { prototype } = require('kafkajs/src/network/requestQueue') as {
      prototype: { push(request: { entry: { apiKey: number } }): void }
    }
    const push = prototype.push
    let produced = 0
    prototype.push = function (request) {
      if (request.entry.apiKey === 0) produced++
      push.call(this, request)
    }
    onTestFinished(() => {
      prototype.push = push
    })
    await bus.send(records)
    expect(produced).toBe(1)
  })

  test('sends at the same time wait for the one under way and then go out together, in order', async () => {
    const topic = await newTopic()
    await Promise.all(Array.from({ length: 200 }, (_, i) => bus.send([{ topic, key: 'k', value: String(i) }])))
    const { seen } = await reading(topic)
    await eventually('all 200 records', () => seen.length === 200)
    expect(seen.map((r) => r.value?.toString())).toEqual(Array.from({ length: 200 }, (_, i) => String(i)))
  })

  test('when the answer to a request is lost, neither its records nor those of the next one are lost or doubled', async () => {
    const topic = await newTopic()
    await bus.send([{ topic, key: 'k', value: 'before' }])
    const { prototype } = require('kafkajs/src/broker') as { prototype: { produce(request: unknown): Promise<unknown> } }
    const { KafkaJSConnectionError } = require('kafkajs/src/errors') as { KafkaJSConnectionError: new (message: string) => Error }
    const losing = vi.spyOn(prototype, 'produce').mockImplementationOnce(async function (this: unknown, request) {
      losing.mockRestore()
      await prototype.produce.call(this, request)
      throw new KafkaJSConnectionError('the answer was lost')
    })
    await Promise.all(['first', 'second', 'third'].map((value) => bus.send([{ topic, key: 'k', value }])))
    await bus.send([{ topic, key: 'k', value: 'after' }])
    const { seen } = await reading(topic)
    await eventually('the last record', () => seen.at(-1)?.value?.toString() === 'after')
    expect(seen.map((r) => r.value?.toString())).toEqual(['before', 'first', 'second', 'third', 'after'])
  })

  test('records that the broker refuses do not take others with them', async () => {
    const topic = await newTopic()
    const far = randomBytes(3_000_000)
    const results = await Promise.allSettled([
      bus.send([{ topic, key: 'first', value: '1' }]),
      bus.send([{ topic, key: 'too large', value: far }]),
      bus.send([{ topic, key: 'last', value: '2' }]),
    ])
    expect(results.map((r) => r.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    await bus.send([{ topic, key: 'after', value: '3' }])
    const { seen } = await reading(topic)
    await eventually('the three good records', () => seen.length >= 3)
    expect(seen.map((r) => r.key)).toEqual(['first', 'last', 'after'])
  })

  test('a bus that was stopped says so instead of opening a connection that nobody closes', async () => {
    const other = createBus(config.kafka, { name: unique('test-'), telemetry: testTelemetry() })
    await other.start()
    await other.stop()
    await other.stop()
    await expect(other.send([{ topic: 'any', key: 'k', value: 'v' }])).rejects.toMatchObject({ code: 'bus_stopped' })
  })

  test('a topic that is not there is an error and is not made by the way', async () => {
    const topic = unique('test.absent-')
    const other = createBus(config.kafka, { name: unique('test-'), telemetry: testTelemetry() })
    onTestFinished(() => other.stop())
    await expect(other.send([{ topic, key: 'k', value: 'v' }])).rejects.toMatchObject({ code: 'kafka_away', status: 503 })
    expect(await (await bus.admin()).listTopics()).not.toContain(topic)
  })
})

test('a connection that has nothing to do does nothing', async () => {
  const topic = await newTopic()
  await bus.send([{ topic, key: 'k', value: 'v' }])
  const { prototype } = require('kafkajs/src/network/requestQueue') as { prototype: { checkPendingRequests(): void } }
  const check = prototype.checkPendingRequests
  let checks = 0
  prototype.checkPendingRequests = function () {
    checks++
    check.call(this)
  }
  onTestFinished(() => {
    prototype.checkPendingRequests = check
  })
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(checks).toBeLessThan(10)
})

describe('consuming', () => {
  test('nothing is committed when the work fails, and the same records come again until it succeeds', async () => {
    const topic = await newTopic()
    const group = unique('test-')
    await bus.send([1, 2, 3].map((n) => ({ topic, key: 'k', value: String(n) })))
    const offsetsSeen: string[] = []
    const database = { away: true }
    const { seen } = await reading(
      topic,
      async (records) => {
        offsetsSeen.push(records.map((r) => r.offset).join())
        if (database.away) throw new Error('the database is away')
      },
      { group },
    )
    await eventually('three attempts', () => offsetsSeen.length >= 3)
    expect(await committed(group, topic)).toBe('-1')
    database.away = false
    await eventually('the records', () => seen.length === 3)
    expect(new Set(offsetsSeen)).toEqual(new Set(['0,1,2']))
    await eventually('the commit', async () => (await committed(group, topic)) === '3')
  })

  test('a bug in the work, such as a TypeError, does not end the consumer', async () => {
    const topic = await newTopic()
    let bugs = 2
    const { seen } = await reading(topic, async () => {
      if (bugs-- > 0) throw new TypeError('undefined is not a function')
    })
    await bus.send([{ topic, key: 'k', value: 'v' }])
    await eventually('the record', () => seen.length === 1)
  })

  test('a group goes on where it committed, with nothing twice and nothing left out', async () => {
    const topic = await newTopic()
    const group = unique('test-')
    await bus.send([{ topic, key: 'k', value: 'before' }])
    const first = await reading(topic, undefined, { group })
    await eventually('the first record', () => first.seen.length === 1)
    await first.consumption.stop()
    await first.consumption.stop()
    await bus.send([{ topic, key: 'k', value: 'after' }])
    const second = await reading(topic, undefined, { group })
    await eventually('the second record', () => second.seen.length > 0)
    expect(second.seen.map((r) => r.value?.toString())).toEqual(['after'])
  })

  test('stopping does not wait for the pause between two attempts', async () => {
    const topic = await newTopic()
    await bus.send([{ topic, key: 'k', value: 'v' }])
    let attempts = 0
    const { consumption } = await reading(topic, async () => {
      attempts++
      throw new Error('never works')
    })
    await eventually('a long pause', () => attempts >= 4)
    const stopped = consumption.stop().then(() => 'stopped')
    expect(await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, 900, 'still waiting'))])).toBe('stopped')
  })

  test('a record without key or value is handed over as such', async () => {
    const topic = await newTopic()
    const producer = bus.kafka.producer()
    await producer.connect()
    onTestFinished(() => producer.disconnect())
    await producer.send({ topic, messages: [{ value: null }] })
    const { seen } = await reading(topic)
    await eventually('the record', () => seen.length === 1)
    expect(seen[0]).toMatchObject({ key: null, value: null, partition: 0, offset: '0' })
  })
})

describe('topics', () => {
  test('those of a tenant are made once, also when two make them at the same time', async () => {
    const tenant = unique('bank-')
    const other = await testBus(config)
    await Promise.all([bus.ensureTenantTopics(tenant, 2), other.ensureTenantTopics(tenant, 2)])
    await bus.ensureTenantTopics(tenant, 2)
    const admin = await bus.admin()
    const mine = (await admin.listTopics()).filter((t) => t.startsWith(`assay.${tenant}.`))
    made.push(...mine)
    expect(new Set(mine)).toEqual(new Set(tenantTopics.map((name) => tenantTopic(tenant, name))))
  })

  test('another number of partitions than the recorded one is refused with both numbers', async () => {
    const tenant = unique('bank-')
    await bus.ensureTenantTopics(tenant, 2)
    made.push(...tenantTopics.map((name) => tenantTopic(tenant, name)))
    const error = await bus.ensureTenantTopics(tenant, 4).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(AssayError)
    expect(error).toMatchObject({ code: 'partitions_differ', details: { has: 2, recorded: 4 } })
  })
})
