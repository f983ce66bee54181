import { expect, test } from 'vitest'
import { tenantTopic } from '../../services/shared/events.ts'
import { partitionOf } from '../../services/shared/kafkajs.ts'
import { bank, decidedIds, detector, progressOf, rows } from '../helpers/bank.ts'
import { eventually } from '../helpers/servers.ts'
import { collect } from '../helpers/topics.ts'
import { record, transaction } from '../helpers/transactions.ts'

const day = 86_400_000

test('the same transaction on two partitions is decided on its own, once', async () => {
  const b = await bank()
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
  const received = Date.now()
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
