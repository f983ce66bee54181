/** What `npm run bench -- growth` and `scale` measure with, on the servers of the tests, a few transactions each. */
import { expect, onTestFinished, test } from 'vitest'
import { createBank } from '../../bench/bank.ts'
import { copyFor } from '../../bench/growth/copies.ts'
import { makeHistory } from '../../bench/growth/history.ts'
import { shareBacklog } from '../../bench/scale/backlog.ts'
import type { Watched } from '../../bench/servers.ts'
import { createProfiles, nameOf } from '../../services/detector/state/profiles.ts'
import { decodeEvent, type EventRow } from '../../services/shared/tidb/row-event.ts'

const watched: Watched = { env: process.env, directory: '.assay', servers: [] }

test('copied rows are read back as the history of another customer, and are of no interest to counters', async () => {
  const bank = await createBank(process.env)
  onTestFinished(() => bank.close())
  const { database, tenant } = bank
  const history = await makeHistory(bank, watched, { seed: 3, customers: 20 }, { decided: 200, rows: 590 })
  expect(history).toMatchObject({ decided: 200, copies: 2, rows: 600 })
  const [{ customer, n }] = await database.query<{ customer: string; n: number }>(
    'SELECT customer, COUNT(*) AS n FROM transactions WHERE tenant = ? AND log = 0 GROUP BY customer ORDER BY n DESC, customer LIMIT 1',
    [tenant],
  )
  await copyFor(database, tenant, 'heavy', 150)
  const profiles = createProfiles(database, 1e9)
  const keys = [customer, `2.${customer}`, 'heavy'].map((name) => ({ tenant, customer: name, partition: 0 }))
  await profiles.load(keys, Date.now(), new Map([[`${tenant}:0`, { outcomes: 0, parties: 0 }]]))
  expect(keys.map((key) => profiles.get(nameOf(tenant, key.customer))?.size)).toEqual([n, n, 150])
  const [copy] = await database.query<EventRow>(
    'SELECT tenant, customer, id, time, event FROM transactions WHERE tenant = ? AND customer = ? LIMIT 1',
    [tenant, `2.${customer}`],
  )
  expect(decodeEvent(copy)).toMatchObject({ id: copy.id, customer: `2.${customer}`, time: new Date(copy.time).toISOString() })
  const [{ behind }] = await database.query<{ behind: number }>(
    'SELECT COUNT(*) AS behind FROM transactions WHERE tenant = ? AND log >= 0',
    [tenant],
  )
  expect(behind).toBe(200)
})

test('two detectors share the partitions out and decide all that is sent', async () => {
  const { shares, perSecond, rssMb } = await shareBacklog(2, { ...watched, transactions: 600, partitions: 2, seed: 4, warm: 50 })
  expect(shares).toHaveLength(2)
  expect(shares[0] + shares[1]).toBeCloseTo(1, 9)
  expect(shares[0]).toBeLessThan(0.7)
  expect(perSecond).toBeGreaterThan(10)
  expect(rssMb.every((mb) => mb > 50)).toBe(true)
})
