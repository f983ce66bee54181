import { expect, test } from 'vitest'
import { differences, verify } from '../../infra/verify.ts'
import { tenantTopic } from '../../services/shared/events.ts'
import { bank, decidedIds, detector, progressOf, rows } from '../helpers/bank.ts'
import { eventually } from '../helpers/servers.ts'
import { readToTheEnd, valuesOf } from '../helpers/topics.ts'
import { record, transaction } from '../helpers/transactions.ts'

const ownersOf = "SELECT DISTINCT owner FROM progress WHERE tenant = ? AND topic = 'transactions'"

test('one id that two detectors decide at the same time is decided by one, and a conflict for the other', async () => {
  const b = await bank()
  const both = [await detector(b.config), await detector(b.config)]
  // Forty customers lie on all partitions.
  const of = (id: string, n: number) => record(transaction(b.name, { id, customer: `c-${n % 40}` }))
  const before: string[] = []
  const owners = async () => new Set((await rows<{ owner: string }>(b, ownersOf)).map((o) => o.owner)).size
  while ((await owners()) < 2) {
    const more = Array.from({ length: 40 }, (_, i) => `before-${before.length + i}`)
    before.push(...more)
    await b.bus.send(more.map(of))
    await eventually('what comes before', async () => (await progressOf(b)) === before.length)
  }
  const ids = Array.from({ length: 300 }, (_, i) => `same-${i}`)
  await b.bus.send([...ids.map((id, i) => of(id, i)), ...ids.map((id, i) => of(id, i + 13))])
  await eventually('all outcomes', async () => (await progressOf(b)) === before.length + 600, 60)
  for (const service of both) await service.stop()
  const all = [...before, ...ids].toSorted()
  expect((await decidedIds(b)).toSorted()).toEqual(all)
  const topic = tenantTopic(b.name, 'decisions')
  const published = (await readToTheEnd(b.bus, [topic])).get(topic) ?? []
  const each = [...new Map(published.map((r) => [String(r.value), r])).values()]
  expect(
    valuesOf<{ id: string }>(each)
      .map((d) => d.id)
      .toSorted(),
  ).toEqual(all)
  const letters = await rows<{ reason: string }>(b, 'SELECT reason FROM dead_letters WHERE tenant = ?')
  expect(letters.map((l) => l.reason)).toEqual(ids.map(() => 'id_conflict'))
  // Who was refused had them in memory already, and must have let go of them.
  expect(differences(await verify(b.database, { from: 0, to: Date.now() + 60_000, tenant: b.name }))).toBe(0)
}, 120_000)
