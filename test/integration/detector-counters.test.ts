import { isDeepStrictEqual } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { featureNames } from '../../models/fold/features.ts'
import { openStore, type Store } from '../../services/detector/counters/store.ts'
import { createDetector } from '../../services/detector/service.ts'
import { type Label, type Party, tenantTopic, topics } from '../../services/shared/events.ts'
import { type Bank, bank, decidedIds, detector, progressOf, rows } from '../helpers/bank.ts'
import { statesByRedis, statesByTiDB } from '../helpers/counted.ts'
import { redisServer } from '../helpers/redis.ts'
import { eventually, testTelemetry, unique } from '../helpers/servers.ts'
import { record, transaction } from '../helpers/transactions.ts'
import { vectorOf } from '../helpers/vectors.ts'

const featuresOf = async (b: Bank, id: string): Promise<Record<string, number>> => {
  const [row] = await b.database.query<{ features: Buffer }>('SELECT features FROM transactions WHERE tenant = ? AND id = ?', [b.name, id])
  const vector = vectorOf(row.features)
  return Object.fromEntries(featureNames.map((name, i) => [name, vector[i]]))
}

const label = (b: Bank, transactionId: string, over: Partial<Label> = {}): Label => ({
  id: unique('l-'),
  tenant: b.name,
  transaction: transactionId,
  value: 'fraud',
  source: 'chargeback',
  happenedAt: new Date(Date.now() - 5000).toISOString(),
  knownAt: new Date(Date.now() - 1000).toISOString(),
  ...over,
})
const labelRecord = (l: Label) => ({ topic: tenantTopic(l.tenant, 'labels'), key: topics.labels.key(l), value: JSON.stringify(l) })

async function open(b: Bank): Promise<Store> {
  const store = openStore(b.config.redis, b.config.group)
  onTestFinished(() => store.stop())
  await store.ready()
  return store
}

/** Waits until Redis holds what follows from TiDB. */
const exact = (b: Bank, store: Store) =>
  eventually('the counters', async () => {
    const expected = await statesByTiDB(b.database)
    return expected.size > 0 && isDeepStrictEqual(await statesByRedis(store, expected.keys()), expected)
  })

const decided = (b: Bank, n: number) => eventually(`${n} decisions`, async () => (await decidedIds(b)).length === n)

describe('the detector’s counters', () => {
  test('are features of every decision, and hold what TiDB holds', async () => {
    const b = await bank()
    await detector(b.config)
    const store = await open(b)
    const shared = { counterparty: 'shop', device: 'phone', ip: '192.0.2.7' }
    const sent = Array.from({ length: 400 }, (_, i) =>
      transaction(b.name, { ...shared, id: `t-${i}`, customer: `customer-${i % 30}`, instrument: `card-${i % 30}` }),
    )
    await b.bus.send(sent.map(record))
    await decided(b, 400)
    await exact(b, store)
    await b.bus.send([record(transaction(b.name, { counterparty: 'shop', id: 'last' }))])
    await decided(b, 401)
    const features = await featuresOf(b, 'last')
    expect(features).toMatchObject({ counterparty_count_30d: 400, device_count_30d: 0, device_since_last_fraud: 0 })
    expect(features.counterparty_cards_24h).toBeGreaterThan(20)
    expect(features.counterparty_cards_24h).toBeLessThan(40)
  })

  test('are not asked about a batch that counts nothing', async () => {
    const b = await bank()
    await detector(b.config)
    const party: Party = { tenant: b.name, customer: 'customer-1', validFrom: new Date().toISOString(), country: 'DE' }
    await b.bus.send([{ topic: tenantTopic(b.name, 'parties'), key: topics.parties.key(party), value: JSON.stringify(party) }])
    await eventually('the customer', async () => (await rows(b, 'SELECT customer FROM customers WHERE tenant = ?')).length === 1)
    await b.bus.send([record(transaction(b.name, { id: 't-1', customer: 'customer-1' }))])
    await decided(b, 1)
  })

  test('follow labels: one sent twice counts once, a correction takes back, one that comes early waits', async () => {
    const b = await bank()
    await detector(b.config)
    const store = await open(b)
    const early = label(b, 'later')
    await b.bus.send([labelRecord(early)])
    await eventually('the label to wait', async () => (await rows(b, 'SELECT * FROM waiting_labels WHERE tenant = ?')).length === 1)
    await b.bus.send(['one', 'two', 'later'].map((id) => record(transaction(b.name, { id, counterparty: 'shop', device: id }))))
    await decided(b, 3)
    const [first, second] = [label(b, 'one'), label(b, 'two')]
    await b.bus.send([first, first, second].map(labelRecord))
    await b.bus.send([labelRecord(first)])
    await eventually('the early label to count', async () => (await rows(b, 'SELECT * FROM label_moves WHERE tenant = ?')).length === 3)
    expect(await rows(b, 'SELECT * FROM waiting_labels WHERE tenant = ?')).toEqual([])
    await exact(b, store)
    const now = async () => {
      const id = unique('probe-')
      await b.bus.send([record(transaction(b.name, { id, counterparty: 'shop' }))])
      await eventually(id, async () => (await decidedIds(b)).includes(id))
      return featuresOf(b, id)
    }
    expect(await now()).toMatchObject({ counterparty_frauds_30d: 3, counterparty_since_first_fraud: 0, counterparty_genuine_since: 0 })
    const known = Date.now()
    const corrected = label(b, 'one', { value: 'genuine', knownAt: new Date(known).toISOString(), supersedes: first.id })
    const outOfDate = label(b, 'one', { knownAt: new Date(known - 60_000).toISOString() })
    await b.bus.send([corrected, corrected, outOfDate].map(labelRecord))
    await eventually('the correction', async () => (await rows(b, 'SELECT * FROM labels WHERE tenant = ?')).length === 5)
    await exact(b, store)
    expect(await now()).toMatchObject({ counterparty_frauds_30d: 2, counterparty_genuine_since: 1, device_frauds_30d: 0 })
    expect(await rows(b, 'SELECT * FROM label_moves WHERE tenant = ?')).toHaveLength(4)
  })

  test('count a label by whom it comes from, and since it is here: a lighter source, a backdated one and a date far ahead move nothing else', async () => {
    const b = await bank()
    await detector(b.config)
    const store = await open(b)
    await b.bus.send(['one', 'two', 'three'].map((id) => record(transaction(b.name, { id, counterparty: 'shop' }))))
    await decided(b, 3)
    const days = (n: number) => new Date(Date.now() + n * 86_400_000).toISOString()
    const moves = () => rows<{ value: string; known_at: number; old_value: string | null }>(b, 'SELECT * FROM label_moves WHERE tenant = ?')
    const say = async (...labels: Label[]) => {
      const before = await progressOf(b, 'labels')
      await b.bus.send(labels.map(labelRecord))
      await eventually('the labels', async () => (await progressOf(b, 'labels')) === before + labels.length)
    }
    const began = Date.now()
    await say(label(b, 'one', { source: 'analyst', knownAt: days(-20) }))
    await say(label(b, 'one', { value: 'genuine', source: 'customer' }), label(b, 'one', { value: 'inconclusive', source: 'rule' }))
    await say(label(b, 'one', { source: 'chargeback' }))
    expect(await moves()).toMatchObject([{ value: 'fraud', old_value: null }])
    expect((await moves())[0].known_at).toBeGreaterThanOrEqual(began)
    await say(label(b, 'two', { source: 'rule', knownAt: days(400) }))
    await say(label(b, 'two', { value: 'inconclusive', source: 'analyst' }))
    await say(label(b, 'three', { knownAt: days(400) }))
    const seen = (await moves()).map((m) => [m.value, m.old_value, Math.round((m.known_at - began) / 86_400_000)])
    expect(seen.sort()).toEqual([
      ['fraud', null, 0],
      ['fraud', null, 1],
      ['fraud', null, 1],
      ['inconclusive', 'fraud', 0],
    ])
    await exact(b, store)
    await b.bus.send([record(transaction(b.name, { id: 'last', counterparty: 'shop' }))])
    await decided(b, 4)
    expect(await featuresOf(b, 'last')).toMatchObject({ counterparty_frauds_30d: 1, counterparty_since_first_fraud: 0 })
  })

  test('are exact after detectors came and went', async () => {
    const b = await bank()
    const store = await open(b)
    const send = (from: number, to: number) =>
      b.bus.send(
        Array.from({ length: to - from }, (_, i) =>
          record(
            transaction(b.name, { id: `t-${from + i}`, customer: `c-${i % 50}`, counterparty: `shop-${i % 3}`, device: `d-${i % 9}` }),
          ),
        ),
      )
    const one = createDetector(b.config, testTelemetry())
    onTestFinished(() => one.stop())
    await one.start()
    await send(0, 600)
    await eventually('some', async () => (await progressOf(b)) > 0)
    const two = createDetector(b.config, testTelemetry())
    onTestFinished(() => two.stop())
    await two.start()
    await send(600, 900)
    await one.stop()
    await send(900, 1000)
    await decided(b, 1000)
    await exact(b, store)
  })

  test('hold decisions up while Redis is away, which is said, and come back by themselves', async () => {
    const redis = await redisServer()
    const b = await bank()
    const service = await detector({ ...b.config, redis: redis.address })
    await b.bus.send([record(transaction(b.name, { id: 'before' }))])
    await decided(b, 1)
    await redis.kill()
    await b.bus.send([record(transaction(b.name, { id: 'while' }))])
    await eventually('the problem', () => service.health().problems.some((p) => /Redis of the counters is away/.test(p)))
    expect(await decidedIds(b)).toEqual(['before'])
    await redis.startEmpty()
    await decided(b, 2)
    await eventually('health', () => service.health().ready)
    const store = openStore(redis.address, b.config.group)
    onTestFinished(() => store.stop())
    await store.ready()
    await exact(b, store)
  })
})
