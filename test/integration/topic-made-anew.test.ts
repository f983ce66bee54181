import { expect, test } from 'vitest'
import { progressCommand } from '../../infra/commands/progress.ts'
import { tenantTopic } from '../../services/shared/events.ts'
import { partitionOf } from '../../services/shared/kafka/kafkajs.ts'
import { assay } from '../helpers/assay.ts'
import { type Bank, bank, decidedIds, detector, progressOf } from '../helpers/bank.ts'
import { proxy } from '../helpers/proxy.ts'
import { eventually, testTenant } from '../helpers/servers.ts'
import { collect, valuesOf } from '../helpers/topics.ts'
import { record, transaction } from '../helpers/transactions.ts'

/** Customers whose records lie on each of the four partitions. */
const customerOn = (tenant: string, partition: number): string => {
  for (let i = 0; ; i++) if (partitionOf(`${tenant}:c-${i}`, 4) === partition) return `c-${i}`
}

/** As many transactions on each partition as `counts` says. */
const onPartitions = (tenant: string, prefix: string, counts: readonly number[]) =>
  counts.flatMap((count, partition) =>
    Array.from({ length: count }, (_, i) =>
      transaction(tenant, { id: `${prefix}-${partition}-${i}`, customer: customerOn(tenant, partition) }),
    ),
  )

const reset = ({ config, name }: Bank, partitions: readonly number[]) => {
  const place = ['--tenant', name, '--topic', 'transactions', '--partition', ...partitions.map(String), '--to', '0']
  return assay(config, progressCommand(), 'reset', ...place)
}

test('partitions of a topic that is deleted and made anew stop, other banks go on, and after a reset the new records are decided', async () => {
  const b = await bank({}, 4)
  const other = await testTenant(b.database, b.bus)
  const topic = tenantTopic(b.name, 'transactions')
  const service = await detector(b.config)
  const before = onPartitions(b.name, 'before', [10, 10, 10, 0])
  await b.bus.send(before.map(record))
  await eventually('what was before', async () => (await decidedIds(b)).length === before.length)

  const admin = await b.bus.admin()
  await admin.deleteTopics({ topics: [topic] })
  const elsewhere = async () => (await b.database.query('SELECT id FROM transactions WHERE tenant = ?', [other.tenant])).length
  await b.bus.send(onPartitions(other.tenant, 'gone', [5, 5, 5, 5]).map(record))
  await eventually('the other bank while the topic is gone', async () => (await elsewhere()) === 20)

  await eventually('the problem', () => service.health().problems.some((p) => p.startsWith(`${topic} is gone`)))

  await eventually('the topic again', () =>
    b.bus.ensureTenantTopics(b.name, 4).then(
      () => true,
      () => false,
    ),
  )
  // More than before, fewer, none, and some where there were none.
  const after = onPartitions(b.name, 'after', [15, 5, 0, 5])
  await b.bus.send(after.map(record))
  const stopped = (partition: number) =>
    service.health().problems.some((p) => p.includes(`${topic} partition ${partition} `) && p.includes(`--partition ${partition} --to 0`))
  await eventually('three partitions to stop', () => [0, 1, 2].every(stopped))
  await b.bus.send(onPartitions(other.tenant, 'anew', [5, 5, 5, 5]).map(record))
  await eventually('the other bank', async () => (await elsewhere()) === 40)
  await eventually('the partition that had nothing', async () => (await decidedIds(b)).length === before.length + 5)

  await service.stop()
  await reset(b, [0, 1, 2])
  const again = await detector(b.config)
  await eventually('the new records', async () => (await decidedIds(b)).length === before.length + after.length)
  const decisions = await collect(b.bus, tenantTopic(b.name, 'decisions'))
  await eventually(
    'all decisions',
    () => new Set(valuesOf<{ id: string }>(decisions).map((d) => d.id)).size === before.length + after.length,
  )
  expect(new Set(decisions.map((d) => d.value?.toString())).size).toBe(before.length + after.length)
  expect(await progressOf(b)).toBe(after.length)
  expect(again.health()).toEqual({ ready: true, problems: [] })
})

test('a partition whose records Kafka deletes before they are decided stops, after those that were fetched in time', async () => {
  const b = await bank({}, 4)
  const topic = tenantTopic(b.name, 'transactions')
  const wire = await proxy(b.config.sql.host, b.config.sql.port)
  const service = await detector({ ...b.config, sql: { ...b.config.sql, host: '127.0.0.1', port: wire.port } })
  await b.bus.send(onPartitions(b.name, 'before', [10, 10, 10, 10]).map(record))
  await eventually('what was before', async () => (await decidedIds(b)).length === 40)
  wire.cut()
  const many = onPartitions(b.name, 'many', [6000, 0, 0, 0]).map(record)
  for (let from = 0; from < many.length; from += 1000) await b.bus.send(many.slice(from, from + 1000))
  const admin = await b.bus.admin()
  await eventually('the deletion', () =>
    admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '5900' }] }).then(
      () => true,
      () => false,
    ),
  )
  wire.mend()
  await eventually('the problem', () => service.health().problems.some((p) => p.startsWith(`${topic} partition 0 begins at offset 5900`)))
  await b.bus.send(onPartitions(b.name, 'after', [5, 5, 5, 5]).map(record))
  await eventually('the other partitions', async () => (await decidedIds(b)).filter((id) => id.startsWith('after')).length === 15)
  const decided = await decidedIds(b)
  expect(decided.length).toBeGreaterThan(55)
  expect(await progressOf(b)).toBe(decided.length)
}, 90_000)
