/** Detectors that join and leave a group while records come all the time. */
import { expect, onTestFinished, test } from 'vitest'
import { wrongCounters } from '../../chaos/counters.ts'
import { differences, verify } from '../../infra/verify.ts'
import { openStore } from '../../services/detector/counters/store.ts'
import { createDetector } from '../../services/detector/service.ts'
import { tenantTopic } from '../../services/shared/events.ts'
import type { Service } from '../../services/shared/lifecycle.ts'
import { bank, decidedIds, progressOf, rows } from '../helpers/bank.ts'
import { eventually, testTelemetry } from '../helpers/servers.ts'
import { readToTheEnd } from '../helpers/topics.ts'
import { record, transaction } from '../helpers/transactions.ts'

test('partitions pass from member to member under load: every record has one outcome, and each decision is as it would have been', async () => {
  const b = await bank({ thresholds: { challenge: 0, review: 0, decline: 1 } }, 4)
  let sent = 0
  let enough = false
  const send = async () => {
    while (!enough) {
      const batch = Array.from({ length: 40 }, (_, i) =>
        transaction(b.name, { id: `t-${sent + i}`, customer: `c-${i % 20}`, counterparty: `shop-${i % 3}`, amount: 100 + i }),
      )
      // Two of them come again.
      await b.bus.send([...batch, batch[3], batch[17]].map(record))
      sent += 40
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  const sending = send()
  const members: Service[] = []
  const owners = new Set<string>()
  let joined = 0
  const join = async () => {
    const service = createDetector(b.config, testTelemetry())
    onTestFinished(() => service.stop())
    members.push(service)
    joined++
    await service.start()
  }
  /** Waits until whoever joined has had partitions, all who are members have some, and another hundred records have been decided. */
  const working = async () => {
    const from = await progressOf(b)
    await eventually('records under the new owners', async () => {
      const now = await rows<{ owner: string }>(b, "SELECT DISTINCT owner FROM progress WHERE tenant = ? AND topic = 'transactions'")
      for (const { owner } of now) owners.add(owner)
      return owners.size === joined && now.length === members.length && (await progressOf(b)) > from + 100
    })
  }
  await join()
  await working()
  await join()
  await working()
  await join()
  await working()
  await members.shift()?.stop()
  await working()
  await join()
  await members.shift()?.stop()
  await working()
  enough = true
  await sending
  const records = (sent / 40) * 42
  await eventually('all outcomes', async () => (await progressOf(b)) === records)
  expect(owners.size).toBe(4)
  const ids = Array.from({ length: sent }, (_, i) => `t-${i}`).toSorted()
  expect((await decidedIds(b)).toSorted()).toEqual(ids)
  expect(await rows(b, "SELECT id FROM set_aside WHERE tenant = ? AND outcome = 'duplicate'")).toHaveLength(records - sent)
  for (const member of members) await member.stop()
  const published = await readToTheEnd(b.bus, [tenantTopic(b.name, 'decisions'), tenantTopic(b.name, 'alerts')])
  for (const messages of published.values()) expect(new Set(messages.map(({ value }) => String(value))).size).toBe(sent)
  const verified = await verify(b.database, { tenant: b.name, from: 0, to: Date.now() + 86_400_000 })
  expect([verified.checked, differences(verified)]).toEqual([sent, 0])
  const store = openStore(b.config.redis, b.config.group)
  onTestFinished(() => store.stop())
  await store.ready()
  expect(await wrongCounters(b.database, store, b.name)).toEqual([])
}, 120_000)
