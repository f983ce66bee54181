import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Bus, createBus } from '../../services/shared/kafka/bus.ts'
import { ownBroker } from '../helpers/broker.ts'
import { outage } from '../helpers/outage.ts'
import { eventually, testTelemetry, unique } from '../helpers/servers.ts'

/** What is to be closed at the end, newest first. */
const closing: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

function busOn(address: string, patience: number): Bus {
  const bus = createBus([address], { name: unique('test-'), telemetry: testTelemetry(), patience })
  closing.push(() => bus.stop())
  return bus
}

function reader(bus: Bus, topic: string) {
  const group = unique('test-')
  const values: string[] = []
  const consumption = bus.consume({
    group,
    topics: [topic],
    fromBeginning: true,
    each: (records) => {
      values.push(...records.map((r) => String(r.value)))
      return Promise.resolve()
    },
  })
  closing.push(() => consumption.stop())
  const committed = async () => (await (await bus.admin()).fetchOffsets({ groupId: group, topics: [topic] }))[0].partitions[0].offset
  return { values, consumption, committed }
}

const settled = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: unknown) => error,
  )

/** A broker is killed while one bus sends patiently, another does not wait, and a third has yet to start; then it comes back. */
async function brokerAway() {
  const broker = await ownBroker()
  closing.push(() => broker.remove())
  const [patient, hasty, late] = [busOn(broker.address, 60_000), busOn(broker.address, 1000), busOn(broker.address, 60_000)]
  await Promise.all([patient.start(), hasty.start()])
  const topic = unique('test.')
  const admin = await patient.admin()
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] })
  await eventually('the topic', () =>
    admin.fetchTopicMetadata({ topics: [topic] }).then(
      ({ topics }) => (topics[0].partitions[0]?.leader ?? -1) >= 0,
      () => false,
    ),
  )
  const [steady, newcomer] = [reader(patient, topic), reader(late, topic)]
  await steady.consumption.start()
  const send = (bus: Bus, value: string) => bus.send([{ topic, key: 'k', value }])
  await send(hasty, 'before')
  await eventually('the first record and its commit', async () => steady.values.length === 1 && (await steady.committed()) === '1')

  await broker.kill()
  const over = outage()
  const meanwhile = Array.from({ length: 20 }, (_, i) => send(patient, `meanwhile ${i}`))
  const refused = await settled(send(hasty, 'given up'))
  const [lateStart, lateRead] = await Promise.all([settled(late.start()), settled(newcomer.consumption.start())])
  await eventually('the consumer and the patient sender to notice', () => !steady.consumption.ready() && !patient.ready())
  const readyWhileAway = [patient.ready(), hasty.ready(), late.ready(), newcomer.consumption.ready()]

  await over
  await broker.start()
  await Promise.all(meanwhile)
  await Promise.all([late.start(), newcomer.consumption.start()])
  await send(hasty, 'after')
  const all = ['before', ...meanwhile.map((_, i) => `meanwhile ${i}`), 'after']
  await eventually('all records at both readers', () => [steady, newcomer].every((r) => r.values.length >= all.length), 60)
  const readyAgain = [patient, hasty, late, steady.consumption, newcomer.consumption].map((p) => p.ready())
  return { all, steady, newcomer, refused, lateStart, lateRead, readyWhileAway, readyAgain }
}

describe('when a broker is killed and comes back', () => {
  let seen: Awaited<ReturnType<typeof brokerAway>>
  beforeAll(async () => {
    seen = await brokerAway()
  }, 240_000)

  test('what was sent meanwhile arrives once and in order, and a consumer goes on where it was', () => {
    expect(seen.steady.values).toEqual(seen.all)
  })

  test('a send that has waited long enough is an error to its caller, and the same bus sends again afterwards', () => {
    expect(seen.refused).toMatchObject({ code: 'kafka_away', status: 503 })
    expect(seen.newcomer.values).toEqual(seen.all)
  })

  test('a bus or a consumer that could not start is started again once there is a broker', () => {
    expect(seen.lateStart).toBeInstanceOf(Error)
    expect(seen.lateRead).toBeInstanceOf(Error)
  })

  test('nobody says that he is ready while it is away, and everybody does when it is back', () => {
    expect(seen.readyWhileAway).toEqual([false, false, false, false])
    expect(seen.readyAgain).toEqual([true, true, true, true, true])
  })
})
