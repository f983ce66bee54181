import { expect, test } from 'vitest'
import { differences, verify } from '../../infra/verify.ts'
import { innerTopics, tenantTopic } from '../../services/shared/events.ts'
import { partitionOf } from '../../services/shared/kafka/kafkajs.ts'
import { saveSettings } from '../../services/shared/tidb/settings.ts'
import { bank, decidedIds, detector, progressOf, rows } from '../helpers/bank.ts'
import { eventually } from '../helpers/servers.ts'
import { collect, readToTheEnd } from '../helpers/topics.ts'
import { record, transaction } from '../helpers/transactions.ts'

const day = 86_400_000

test('the same transaction on two partitions is decided on its own, once', async () => {
  const b = await bank({}, 4)
  const t = transaction(b.name, { id: 'both', customer: 'c-1' })
  const right = partitionOf(`${b.name}:c-1`, 4)
  await b.bus.send([{ ...record(t), partition: (right + 1) % 4 }, record(t), { ...record(t), partition: (right + 2) % 4 }])
  await detector(b.config)
  await eventually('five outcomes', async () => (await progressOf(b)) === 5)
  expect(await decidedIds(b)).toEqual(['both'])
  const aside = await rows<{ outcome: string }>(b, 'SELECT outcome FROM set_aside WHERE tenant = ?')
  expect(aside.map((a) => a.outcome).toSorted()).toEqual(['duplicate', 'duplicate', 'moved', 'moved'])
  const decisions = await collect(b.bus, tenantTopic(b.name, 'decisions'))
  await eventually('three messages', () => decisions.length === 3)
  expect(new Set(decisions.map((d) => d.value?.toString())).size).toBe(1)
})

test('ids that come again while the batch of their first coming is on its way are decided once', async () => {
  const b = await bank()
  const distinct = Array.from({ length: 1500 }, (_, i) => transaction(b.name, { id: `t-${i}`, customer: `c-${i % 300}` }))
  // Each comes again some hundred records later: in the next batch, which is prepared while the one before is being written.
  const records = distinct.flatMap((t, i) => [record(t), ...(i >= 400 ? [record(distinct[i - 400])] : [])])
  for (let i = 0; i < records.length; i += 500) await b.bus.send(records.slice(i, i + 500))
  await detector(b.config)
  await eventually('all outcomes', async () => (await progressOf(b)) === records.length, 60)
  expect(await decidedIds(b)).toHaveLength(1500)
  expect(await rows(b, "SELECT id FROM set_aside WHERE tenant = ? AND outcome = 'duplicate'")).toHaveLength(1100)
  const decisions = await collect(b.bus, tenantTopic(b.name, 'decisions'))
  await eventually('all messages', () => decisions.length === records.length)
  expect(new Set(decisions.map((d) => d.value?.toString())).size).toBe(1500)
})

test('what is too old or ahead is so by the time that Kafka got it, whenever it is looked at', async () => {
  // Some days ago, so that the machine's clock would say otherwise too.
  const received = Date.now() - 10 * day
  const at = (ms: number) => new Date(received + ms).toISOString()
  const cases = { inTime: -29 * day, tooOld: -31 * day, ahead: 5 * 60_000, tooFarAhead: 11 * 60_000 }
  const reasonsBy = async (clock: () => number) => {
    const b = await bank()
    await b.bus.send(
      Object.entries(cases).map(([id, ms]) => ({ ...record(transaction(b.name, { id, time: at(ms) })), timestamp: received })),
    )
    await detector(b.config, clock)
    await eventually('all outcomes', async () => (await progressOf(b)) === 4)
    const letters = await rows<{ reason: string }>(b, 'SELECT reason FROM dead_letters WHERE tenant = ?')
    return { decided: (await decidedIds(b)).toSorted(), reasons: letters.map((l) => l.reason).toSorted() }
  }
  const now = await reasonsBy(Date.now)
  expect(now).toEqual({ decided: ['ahead', 'inTime'], reasons: ['clock_ahead', 'too_old'] })
  expect(await reasonsBy(() => Date.now() + 40 * day)).toEqual(now)
  expect(await reasonsBy(() => Date.now() - 40 * day)).toEqual(now)
})

test('all that was published is published again, byte for byte, whatever the settings, the rates and the clock say by then', async () => {
  const b = await bank({ thresholds: { challenge: 0, review: 0, decline: 1 } })
  const first = await detector(b.config, () => 1_700_000_000_000)
  const sent = Array.from({ length: 20 }, (_, i) => transaction(b.name, { id: `t-${i}`, customer: `c-${i % 6}` }))
  const poison = { topic: tenantTopic(b.name, 'transactions'), key: `${b.name}:c-1`, value: '{"id":"t-1"' }
  await b.bus.send([...sent, sent[3], { ...sent[4], amount: 1 }, transaction(b.name, { id: 'dear', currency: 'XTS' })].map(record))
  await b.bus.send([poison, { ...poison, value: '' }])
  await eventually('all outcomes', async () => (await progressOf(b)) === 25)
  await first.stop()
  const outgoing = [tenantTopic(b.name, 'decisions'), tenantTopic(b.name, 'alerts'), innerTopics.deadLetters]
  const read = async () => {
    const found = await readToTheEnd(b.bus, outgoing)
    return outgoing.map((topic) => (found.get(topic) ?? []).filter((r) => r.key?.startsWith(b.name)).map((r) => `${r.key} ${r.value}`))
  }
  const before = await read()
  expect(before.map((messages) => messages.length)).toEqual([21, 21, 4])
  const rowsBefore = await rows(b, 'SELECT * FROM transactions WHERE tenant = ? ORDER BY id')

  const admin = await b.bus.admin()
  await admin.setOffsets({
    groupId: `${b.config.group}-detector`,
    topic: tenantTopic(b.name, 'transactions'),
    partitions: [0, 1, 2, 3].map((partition) => ({ partition, offset: '0' })),
  })
  // By these, nothing is an alert, all is a dead letter, and what was none is.
  await saveSettings(
    b.database,
    b.name,
    {
      ...b.tenant.settings,
      thresholds: { challenge: 1, review: 1, decline: 1 },
      alertOn: [],
      limits: { ...b.tenant.settings.limits, maxAmount: 1 },
    },
    'test',
  )
  await b.database.execute("INSERT INTO currency_rates VALUES ('EUR', 'XTS', 20200101, 1)")
  await detector(b.config, () => 1_900_000_000_000)
  const again = await eventually('all messages again', async () => {
    const now = await read()
    return now.every((messages, i) => messages.length >= 2 * before[i].length) && now
  })
  expect(again.map((messages) => messages.toSorted())).toEqual(before.map((messages) => [...messages, ...messages].toSorted()))
  expect(await rows(b, 'SELECT * FROM transactions WHERE tenant = ? ORDER BY id')).toEqual(rowsBefore)
})

test('settings that change while records come decide whole batches, and each row names those that decided it', async () => {
  const b = await bank({ thresholds: { challenge: 0, review: 0, decline: 1 } })
  let ticks = 1_700_000_000_000
  // Each batch is decided at one instant, and no two at the same.
  await detector(b.config, () => ticks++)
  let sent = 0
  const policies = async () =>
    (await rows<{ policy: number }>(b, 'SELECT DISTINCT policy FROM transactions WHERE tenant = ? ORDER BY policy')).map((r) => r.policy)
  const sendUntil = async (policy: number) => {
    while (!(await policies()).includes(policy)) {
      await b.bus.send(Array.from({ length: 50 }, (_, i) => record(transaction(b.name, { id: `t-${sent + i}`, customer: `c-${i % 9}` }))))
      sent += 50
    }
  }
  await sendUntil(1)
  await saveSettings(b.database, b.name, { ...b.tenant.settings, thresholds: { challenge: 0, review: 1, decline: 1 } }, 'test')
  await sendUntil(2)
  await eventually('all outcomes', async () => (await progressOf(b)) === sent)
  expect(await policies()).toEqual([1, 2])
  expect(await rows(b, 'SELECT decided FROM transactions WHERE tenant = ? GROUP BY decided HAVING COUNT(DISTINCT policy) > 1')).toEqual([])
  const verified = await verify(b.database, { tenant: b.name, from: 0, to: Date.now() + day })
  expect([verified.checked, differences(verified)]).toEqual([sent, 0])
})
