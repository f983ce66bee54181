import { describe, expect, onTestFinished, test } from 'vitest'
import { createDetector } from '../../services/detector/service.ts'
import { type Alert, type DeadLetter, type Decision, innerTopics, tenantTopic } from '../../services/shared/events.ts'
import { partitionOf } from '../../services/shared/kafka/kafkajs.ts'
import { customerAsOf, outcomesAsOf } from '../../services/shared/tidb/customers.ts'
import { labelAsOf, labelsAsOf } from '../../services/shared/tidb/labels.ts'
import { type Bank, bank, decidedIds, detector, progressOf, rows } from '../helpers/bank.ts'
import { eventually, testTelemetry, unique } from '../helpers/servers.ts'
import { collect, valuesOf } from '../helpers/topics.ts'
import { record, transaction } from '../helpers/transactions.ts'

const deadLetters = (b: Bank) =>
  rows<{ reason: string; detail: string; log_offset: number }>(b, 'SELECT * FROM dead_letters WHERE tenant = ? ORDER BY log_offset')

describe('the detector', () => {
  test('decides every transaction once, and publishes what it recorded', async () => {
    const b = await bank()
    await detector(b.config)
    const sent = Array.from({ length: 300 }, (_, i) => transaction(b.name, { customer: `customer-${i % 40}`, id: `t-${i}` }))
    await b.bus.send(sent.map(record))
    const decisions = await collect(b.bus, tenantTopic(b.name, 'decisions'))
    await eventually('300 decisions', () => decisions.length >= 300)
    expect((await decidedIds(b)).toSorted()).toEqual(sent.map((t) => t.id).toSorted())
    const [row] = await b.database.query<{ score: number; model: number; policy: number }>(
      'SELECT * FROM transactions WHERE tenant = ? AND id = ?',
      [b.name, 't-7'],
    )
    const decision = valuesOf<Decision>(decisions).find((d) => d.id === 't-7')
    expect(decision).toMatchObject({ tenant: b.name, customer: 'customer-7', score: row.score, model: row.model, policy: row.policy })
    expect(await progressOf(b)).toBe(300)
  })

  test('raises an alert with reasons where the bank’s thresholds say so, and nothing otherwise', async () => {
    const b = await bank({ thresholds: { challenge: 0, review: 0, decline: 1 }, sampleRate: 0 })
    await detector(b.config)
    await b.bus.send([record(transaction(b.name, { id: 'seen', amount: 99_00, channel: 'ecommerce' }))])
    const alerts = await collect(b.bus, tenantTopic(b.name, 'alerts'))
    await eventually('the alert', () => alerts.length === 1)
    expect(valuesOf<Alert>(alerts)[0]).toMatchObject({ transaction: 'seen', action: 'review', sample: false, amount: 9900 })
  })

  test('sends a random sample of approved transactions for review, by their content alone', async () => {
    const b = await bank({ thresholds: { challenge: 1, review: 1, decline: 1 }, sampleRate: 0.5 })
    await detector(b.config)
    await b.bus.send(
      Array.from({ length: 200 }, (_, i) =>
        record(
          transaction(b.name, { id: `t-${i}`, time: '2026-01-01T00:00:00Z'.replace('2026-01-01', new Date().toISOString().slice(0, 10)) }),
        ),
      ),
    )
    await eventually('200 rows', async () => (await decidedIds(b)).length === 200)
    const sampled = await rows<{ n: number }>(
      b,
      'SELECT COUNT(*) AS n FROM transactions WHERE tenant = ? AND sampled = 1 AND alert = 1 AND action = 0 AND sample_probability = 0.5',
    )
    expect(Number(sampled[0].n)).toBeGreaterThan(60)
    expect(Number(sampled[0].n)).toBeLessThan(140)
  })

  test('dead-letters what it cannot read, with reason and place, and decides the good ones around it', async () => {
    const b = await bank()
    await detector(b.config)
    const topic = tenantTopic(b.name, 'transactions')
    const good = (id: string) => record(transaction(b.name, { id }))
    const bad = (value: string | Buffer) => ({ topic, key: `${b.name}:customer-1`, value })
    const off = (o: object) => bad(JSON.stringify({ ...transaction(b.name), ...o }))
    await b.bus.send([
      good('first'),
      bad('{"id": "half'),
      bad(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])),
      bad(''),
      bad(JSON.stringify({ id: 'x', extra: { note: 'y'.repeat(1_000_000) } })),
      off({ amount: '12.50' }),
      off({ amount: 1e300 }),
      off({ surprise: true }),
      off({ time: '2019-01-01T00:00:00Z' }),
      off({ time: new Date(Date.now() + 86_400_000).toISOString() }),
      off({ tenant: 'another-bank' }),
      off({ amount: 900_000_000_000_000 }),
      off({ currency: 'XTS' }),
      off({ instrument: '4111111111111111' }),
      good('last'),
    ])
    await eventually('both good ones', async () => (await decidedIds(b)).length === 2)
    const letters = await deadLetters(b)
    expect(letters.map((l) => l.reason)).toEqual([
      'not_json',
      'not_utf8',
      'empty',
      'too_large',
      'invalid',
      'invalid',
      'invalid',
      'too_old',
      'clock_ahead',
      'tenant_mismatch',
      'absurd_amount',
      'no_rate',
      'card_number',
    ])
    expect(letters.map((l) => l.log_offset)).toEqual(Array.from({ length: 13 }, (_, i) => i + 1))
    expect(letters[4].detail).toContain('/amount')
    const published = await collect(b.bus, innerTopics.deadLetters)
    const mine = () => valuesOf<DeadLetter>(published).filter((l) => l.tenant === b.name)
    await eventually('the published dead letters', () => mine().length === 13)
    const card = mine().find((l) => l.reason === 'card_number')
    expect(Buffer.from(card?.value ?? '', 'base64').toString()).not.toContain('4111111111111111')
  })

  test('gives a resend the first decision again, and refuses other content under the same id', async () => {
    const b = await bank()
    await detector(b.config)
    const first = transaction(b.name, { id: 'again' })
    await b.bus.send([record(first), record(first)])
    await eventually('the decision', async () => (await decidedIds(b)).length === 1)
    await b.bus.send([record(first), record({ ...first, amount: 1 })])
    const aside = () => rows<{ outcome: string }>(b, 'SELECT outcome FROM set_aside WHERE tenant = ?')
    await eventually('two duplicates', async () => (await aside()).length === 2)
    await eventually('the conflict', async () => (await deadLetters(b)).some((l) => l.reason === 'id_conflict'))
    const decisions = await collect(b.bus, tenantTopic(b.name, 'decisions'))
    await eventually('three messages', () => decisions.length === 3)
    expect(new Set(decisions.map((d) => d.value?.toString())).size).toBe(1)
  })

  test('finds an id that comes back with another customer, which no profile remembers', async () => {
    const b = await bank()
    await detector(b.config)
    await b.bus.send([record(transaction(b.name, { id: 'taken', customer: 'one' }))])
    await eventually('the decision', async () => (await decidedIds(b)).length === 1)
    await b.bus.send([
      record(transaction(b.name, { id: 'taken', customer: 'two' })),
      record(transaction(b.name, { id: 'new', customer: 'two' })),
    ])
    await eventually('the other one', async () => (await decidedIds(b)).includes('new'))
    expect((await deadLetters(b)).map((l) => l.reason)).toEqual(['id_conflict'])
  })

  test('moves a record that lies on another partition than its key’s, and decides it there', async () => {
    const b = await bank()
    await detector(b.config)
    const t = transaction(b.name, { id: 'astray' })
    const right = partitionOf(`${b.name}:customer-1`, 2)
    await b.bus.send([{ ...record(t), partition: (right + 1) % 2 }])
    await eventually('the decision', async () => (await decidedIds(b)).length === 1)
    const [row] = await rows<{ part: number }>(b, 'SELECT part FROM transactions WHERE tenant = ?')
    expect(row.part).toBe(right)
    expect(await rows(b, "SELECT id FROM set_aside WHERE tenant = ? AND outcome = 'moved'")).toHaveLength(1)
  })

  test('keeps a zombie out: two detectors that both believe they own a partition never decide anything twice', async () => {
    const b = await bank()
    await detector(b.config)
    await b.bus.send(Array.from({ length: 10 }, (_, i) => record(transaction(b.name, { id: `t-${i}` }))))
    await eventually('10 rows', async () => (await decidedIds(b)).length === 10)
    // The same topics under another consumer group: Kafka gives both all partitions, and only epochs tell who owns them.
    const zombie = createDetector({ ...b.config, group: unique('other-') }, testTelemetry())
    onTestFinished(() => zombie.stop())
    await zombie.start()
    await b.bus.send(Array.from({ length: 200 }, (_, i) => record(transaction(b.name, { id: `u-${i}`, customer: `c-${i % 9}` }))))
    await eventually('all rows', async () => (await decidedIds(b)).length === 210)
    expect(await progressOf(b)).toBe(210)
    expect(await rows(b, 'SELECT id FROM set_aside WHERE tenant = ?')).toHaveLength(0)
  })

  test('shares the partitions with a second detector, and takes them over when it ends', async () => {
    const b = await bank()
    await detector(b.config)
    const second = await detector(b.config)
    const send = (from: number) =>
      b.bus.send(Array.from({ length: 200 }, (_, i) => record(transaction(b.name, { id: `t-${from + i}`, customer: `c-${i % 50}` }))))
    await send(0)
    await eventually('200 rows', async () => (await decidedIds(b)).length === 200)
    await send(200)
    await second.stop()
    await send(400)
    await eventually('600 rows', async () => (await decidedIds(b)).length === 600)
  })

  test('takes in what the bank did, who its customers are, and what turned out to be fraud, once each', async () => {
    const b = await bank()
    await detector(b.config)
    const now = new Date().toISOString()
    const outcome = { id: 'o-1', tenant: b.name, customer: 'customer-1', transaction: 't-1', result: 'declined', happenedAt: now }
    const label = { id: 'l-1', tenant: b.name, transaction: 't-1', value: 'fraud', source: 'chargeback', happenedAt: now, knownAt: now }
    const party = { tenant: b.name, customer: 'customer-1', validFrom: now, home: { lat: 52.5, lon: 13.4 }, zone: 'Europe/Berlin' }
    const to = (name: 'outcomes' | 'labels' | 'parties', key: string, value: object) => ({
      topic: tenantTopic(b.name, name),
      key,
      value: JSON.stringify(value),
    })
    const all = [
      to('outcomes', `${b.name}:customer-1`, outcome),
      to('labels', `${b.name}:t-1`, label),
      to('parties', `${b.name}:customer-1`, party),
    ]
    await b.bus.send([...all, ...all])
    await eventually('all of them', async () => {
      const [{ n }] = await rows<{ n: number }>(b, 'SELECT SUM(next_offset) AS n FROM progress WHERE tenant = ?')
      return Number(n) === 6
    })
    expect(await rows(b, 'SELECT * FROM outcomes WHERE tenant = ?')).toHaveLength(1)
    expect(await rows(b, 'SELECT * FROM labels WHERE tenant = ?')).toHaveLength(1)
    // What was told of a customer is kept each time, and the last one holds.
    expect(await rows(b, 'SELECT DISTINCT valid_from, zone, lat FROM customers WHERE tenant = ?')).toHaveLength(1)
  })

  test('keeps corrections as history: the value as of any instant is a query', async () => {
    const b = await bank()
    await detector(b.config)
    const start = Date.now() - 100_000
    const at = (seconds: number) => new Date(start + seconds * 1000).toISOString()
    const said = (id: string, value: string, seconds: number, supersedes?: string) => ({
      topic: tenantTopic(b.name, 'labels'),
      key: `${b.name}:t-1`,
      timestamp: start + 5000,
      value: JSON.stringify({
        id,
        tenant: b.name,
        transaction: 't-1',
        value,
        source: 'analyst',
        happenedAt: at(0),
        knownAt: at(seconds),
        supersedes,
      }),
    })
    // The correction is told first, and the first label twice.
    await b.bus.send([said('l-2', 'genuine', 20, 'l-1'), said('l-1', 'fraud', 10), said('l-1', 'fraud', 10)])
    await eventually('the labels', async () => (await progressOf(b, 'labels')) === 3)
    const held = async (seconds: number) => (await labelAsOf(b.database, b.name, 't-1', start + seconds * 1000))?.value
    expect([await held(9), await held(10), await held(19), await held(20)]).toEqual([undefined, 'fraud', 'fraud', 'genuine'])
    expect((await labelsAsOf(b.database, b.name, 't-1', Date.now())).map((l) => l.id)).toEqual(['l-2', 'l-1'])
  })

  test('keeps versions of customers and outcomes as history, one that comes before its transaction too', async () => {
    const b = await bank()
    await detector(b.config)
    const start = Date.now() - 100_000
    const at = (seconds: number) => new Date(start + seconds * 1000).toISOString()
    const told = (name: 'outcomes' | 'parties', value: object, seconds: number) => ({
      topic: tenantTopic(b.name, name),
      key: `${b.name}:customer-1`,
      value: JSON.stringify({ tenant: b.name, customer: 'customer-1', ...value }),
      timestamp: start + seconds * 1000,
    })
    const outcome = { id: 'o', transaction: 't-1', result: 'declined', happenedAt: at(5) }
    const [first, second] = [
      { validFrom: at(10), zone: 'Europe/Berlin' },
      { validFrom: at(20), zone: 'Europe/Paris' },
    ]
    await b.bus.send([
      told('outcomes', outcome, 30),
      told('outcomes', outcome, 31),
      told('outcomes', { ...outcome, result: 'reversed', happenedAt: at(40) }, 50),
      // The newer version is told first, and the older one is mended.
      told('parties', second, 60),
      told('parties', first, 61),
      told('parties', { ...first, zone: 'Europe/Rome' }, 62),
    ])
    await eventually('all of them', async () => (await progressOf(b, 'outcomes')) + (await progressOf(b, 'parties')) === 6)
    await b.bus.send([record(transaction(b.name, { id: 't-1', time: at(4) }))])
    await eventually('its transaction', async () => (await decidedIds(b)).length === 1)
    const results = async (seconds: number) =>
      (await outcomesAsOf(b.database, b.name, 'customer-1', start + seconds * 1000, 10)).map((o) => o.result)
    expect([await results(29), await results(30), await results(49), await results(50)]).toEqual([
      [],
      ['declined'],
      ['declined'],
      ['reversed', 'declined'],
    ])
    const zone = async (seconds: number) => (await customerAsOf(b.database, b.name, 'customer-1', start + seconds * 1000))?.zone
    expect([await zone(0), await zone(10), await zone(19), await zone(20)]).toEqual([
      'Europe/Rome',
      'Europe/Rome',
      'Europe/Rome',
      'Europe/Paris',
    ])
    expect(await customerAsOf(b.database, b.name, 'nobody', start)).toBeUndefined()
  })
})
