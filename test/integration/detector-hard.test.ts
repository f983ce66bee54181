import { describe, expect, test } from 'vitest'
import { writeRates } from '../../infra/commands/rates.ts'
import { type DeadLetter, innerTopics, type Outcome, tenantTopic } from '../../services/shared/events.ts'
import { partitionOf } from '../../services/shared/kafka/kafkajs.ts'
import { type Bank, bank, decidedIds, detector, progressOf, rows } from '../helpers/bank.ts'
import { proxy } from '../helpers/proxy.ts'
import { eventually } from '../helpers/servers.ts'
import { collect, valuesOf } from '../helpers/topics.ts'
import { record, transaction } from '../helpers/transactions.ts'

const many = (b: Bank, prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => record(transaction(b.name, { id: `${prefix}-${i}`, customer: `c-${i % 40}` })))

const deadLetters = (b: Bank) => rows<{ reason: string; detail: string }>(b, 'SELECT reason, detail FROM dead_letters WHERE tenant = ?')

describe('the detector where one record or one owner could stop everything', () => {
  test('claims anew a partition that a zombie claimed, and decides what it had in hand once', async () => {
    const b = await bank()
    await detector(b.config)
    await b.bus.send(many(b, 'before', 100))
    await eventually('100 rows', async () => (await decidedIds(b)).length === 100)
    await b.database.execute("UPDATE progress SET epoch = epoch + 1 WHERE tenant = ? AND topic = 'transactions' AND part < 2", [b.name])
    await b.bus.send(many(b, 'after', 200))
    await eventually('300 rows', async () => (await decidedIds(b)).length === 300)
    expect(await progressOf(b)).toBe(300)
    expect(await rows(b, 'SELECT id FROM set_aside WHERE tenant = ?')).toHaveLength(0)
  })

  test('publishes again all that it should when TiDB goes away while it reads back', async () => {
    const b = await bank()
    const wire = await proxy(b.config.sql.host, b.config.sql.port)
    const before = await detector(b.config)
    await b.bus.send(many(b, 't', 100))
    const decisions = await collect(b.bus, tenantTopic(b.name, 'decisions'))
    await eventually('the decisions', () => decisions.length === 100)
    await before.stop()
    const admin = await b.bus.admin()
    await admin.setOffsets({
      groupId: `${b.config.group}-detector`,
      topic: tenantTopic(b.name, 'transactions'),
      partitions: [0, 1, 2, 3].map((partition) => ({ partition, offset: '0' })),
    })
    const lost = wire.loseAnswerTo('FROM set_aside WHERE')
    await detector({ ...b.config, sql: { ...b.config.sql, host: '127.0.0.1', port: wire.port } })
    await lost
    await eventually('all of them again', () => decisions.length >= 200)
    expect(new Set(decisions.map((d) => d.value?.toString())).size).toBe(100)
  })

  test('stops at once while TiDB is away, with a batch in hand and with partitions that it could not claim', async () => {
    const b = await bank()
    const wire = await proxy(b.config.sql.host, b.config.sql.port)
    const config = { ...b.config, sql: { ...b.config.sql, host: '127.0.0.1', port: wire.port } }
    const service = await detector(config)
    await b.bus.send(many(b, 't', 50))
    await eventually('50 rows', async () => (await decidedIds(b)).length === 50)
    wire.cut()
    await b.bus.send(many(b, 'u', 50))
    await eventually('the problem', () => !service.health().ready)
    // A second detector makes Kafka share the partitions out anew, and no claim of the first can succeed.
    const second = await detector(b.config)
    await eventually('the second one', () => second.health().ready)
    expect(service.health().ready).toBe(false)
    const began = Date.now()
    await service.stop()
    expect(Date.now() - began).toBeLessThan(10_000)
    await eventually('all rows', async () => (await decidedIds(b)).length === 100)
    expect(second.health().problems).toEqual([])
  }, 90_000)

  test('dead-letters dates that do not exist in outcomes, labels and parties, and goes on', async () => {
    const b = await bank()
    await detector(b.config)
    const never = '2026-99-99T00:00:00Z'
    const now = new Date().toISOString()
    const key = `${b.name}:customer-1`
    const outcome: Outcome = { id: 'o', tenant: b.name, customer: 'customer-1', transaction: 't', result: 'approved', happenedAt: never }
    const label = { id: 'l', tenant: b.name, transaction: 't', value: 'fraud', source: 'chargeback', happenedAt: now, knownAt: never }
    const party = { tenant: b.name, customer: 'customer-1', validFrom: now, opened: never }
    await b.bus.send([
      { topic: tenantTopic(b.name, 'outcomes'), key, value: JSON.stringify(outcome) },
      { topic: tenantTopic(b.name, 'labels'), key: `${b.name}:t`, value: JSON.stringify(label) },
      { topic: tenantTopic(b.name, 'parties'), key, value: JSON.stringify(party) },
      record(transaction(b.name, { id: 'good' })),
    ])
    await eventually('the good one', async () => (await decidedIds(b)).length === 1)
    await eventually('three dead letters', async () => (await deadLetters(b)).length === 3)
    expect((await deadLetters(b)).map((l) => l.detail).toSorted((x, y) => (x < y ? -1 : 1))).toEqual([
      `/happenedAt ${never} is not a date`,
      `/knownAt ${never} is not a date`,
      `/opened ${never} is not a date`,
    ])
  })

  test('takes a heap of records that are far too large, and still decides and publishes', async () => {
    const b = await bank()
    const topic = tenantTopic(b.name, 'transactions')
    for (let i = 0; i < 15; i++) await b.bus.send([{ topic, key: `${b.name}:customer-1`, value: Buffer.alloc(1_900_000, 0x7a) }])
    await b.bus.send([record(transaction(b.name, { id: 'good' }))])
    await detector(b.config)
    const decisions = await collect(b.bus, tenantTopic(b.name, 'decisions'))
    const letters = await collect(b.bus, innerTopics.deadLetters)
    await eventually('the good one', () => decisions.length === 1, 60)
    await eventually('the dead letters', () => valuesOf<DeadLetter>(letters).filter((l) => l.tenant === b.name).length === 15)
  }, 120_000)

  test('dead-letters an amount that is too large for a row in the bank’s currency, and texts that are longer than a row’s, and goes on', async () => {
    const b = await bank()
    await writeRates(b.database, [{ base: 'EUR', currency: 'XTS', date: '2020-01-01', rate: '100000000000' }])
    await detector(b.config)
    const now = new Date().toISOString()
    const accented = (letters: number) => 'e\u0301'.repeat(letters)
    const label = (id: string, more: object) => ({
      topic: tenantTopic(b.name, 'labels'),
      key: `${b.name}:t`,
      value: JSON.stringify({
        id,
        tenant: b.name,
        transaction: 't',
        value: 'fraud',
        source: 'analyst',
        happenedAt: now,
        knownAt: now,
        ...more,
      }),
    })
    const outcome = (id: string, reason: string) => ({
      topic: tenantTopic(b.name, 'outcomes'),
      key: `${b.name}:customer-1`,
      value: JSON.stringify({ id, tenant: b.name, customer: 'customer-1', transaction: 't', result: 'declined', happenedAt: now, reason }),
    })
    await b.bus.send([
      label('long', { note: accented(1001) }),
      label('many', { by: accented(33) }),
      label('fits', { note: accented(1000), by: '😀'.repeat(64) }),
      outcome('long', accented(71)),
      outcome('fits', accented(70)),
      record(transaction(b.name, { id: 'dear', amount: 90_000_000_000, currency: 'XTS' })),
      record(transaction(b.name, { id: 'good' })),
    ])
    await eventually('the good one', async () => (await decidedIds(b)).length === 1)
    await eventually('four dead letters', async () => (await deadLetters(b)).length === 4)
    expect((await deadLetters(b)).map((l) => l.reason).toSorted()).toEqual(['absurd_amount', 'invalid', 'invalid', 'invalid'])
    expect(await rows(b, 'SELECT id FROM labels WHERE tenant = ?')).toEqual([{ id: 'fits' }])
    expect(await rows(b, 'SELECT id FROM outcomes WHERE tenant = ?')).toEqual([{ id: 'fits' }])
  })

  test('takes in an instrument that two customers hold, told of at the same place of two partitions', async () => {
    const b = await bank()
    const validFrom = new Date().toISOString()
    const told = (customer: string) => ({
      topic: tenantTopic(b.name, 'parties'),
      key: `${b.name}:${customer}`,
      value: JSON.stringify({ tenant: b.name, customer, instrument: 'joint', validFrom, type: 'account' }),
    })
    const on = (partition: number) => {
      for (let i = 0; ; i++) if (partitionOf(`${b.name}:c-${i}`, 2) === partition) return `c-${i}`
    }
    await b.bus.send([told(on(0)), told(on(1)), record(transaction(b.name, { id: 'good' }))])
    await detector(b.config)
    await eventually('both', async () => (await progressOf(b, 'parties')) === 2)
    await eventually('the good one', async () => (await decidedIds(b)).length === 1)
    expect(await rows(b, 'SELECT customer FROM instruments WHERE tenant = ?')).toHaveLength(2)
  })

  test('takes in a label that says it was known before 1970, dead-letters a transaction of then, and goes on', async () => {
    const b = await bank()
    await detector(b.config)
    await b.bus.send([record(transaction(b.name, { id: 'before' }))])
    await eventually('the first one', async () => (await decidedIds(b)).length === 1)
    const [happenedAt, knownAt] = [new Date().toISOString(), '0000-01-01T00:00:00Z']
    const label = { id: 'l', tenant: b.name, transaction: 'before', value: 'fraud', source: 'chargeback', happenedAt, knownAt }
    await b.bus.send([
      { topic: tenantTopic(b.name, 'labels'), key: `${b.name}:before`, value: JSON.stringify(label) },
      { ...record(transaction(b.name, { id: 'ancient', time: '1969-12-31T00:00:00Z' })), timestamp: 1000 },
    ])
    await eventually('the label', async () => (await rows(b, 'SELECT id FROM labels WHERE tenant = ?')).length === 1)
    await b.bus.send([record(transaction(b.name, { id: 'after' }))])
    await eventually('the next one', async () => (await decidedIds(b)).includes('after'))
    expect((await deadLetters(b)).map((l) => l.reason)).toEqual(['too_old'])
  })
})
