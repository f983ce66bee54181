/** What the database will never take, though every check let it pass: the last line of defence. */
import { expect, onTestFinished, test } from 'vitest'
import { tenantTopic, topics } from '../../services/shared/events.ts'
import { bank, decidedIds, detector, progressOf, rows } from '../helpers/bank.ts'
import { eventually } from '../helpers/servers.ts'
import { record, transaction } from '../helpers/transactions.ts'

test('a record that the database refuses becomes a dead letter, and those around it are recorded', async () => {
  const b = await bank()
  // Stands for a column that is narrower than what a schema lets pass.
  await b.database.execute('ALTER TABLE customers MODIFY zone VARCHAR(20) NULL')
  onTestFinished(async () => void (await b.database.execute('ALTER TABLE customers MODIFY zone VARCHAR(64) NULL')))
  const party = (customer: string, zone: string) => {
    const event = { tenant: b.name, customer, zone, validFrom: '2026-01-01T00:00:00Z' }
    return { topic: tenantTopic(b.name, 'parties'), key: topics.parties.key(event), value: JSON.stringify(event) }
  }
  const zones = ['Europe/Berlin', 'America/Argentina/ComodRivadavia', 'UTC', 'America/North_Dakota/New_Salem']
  await b.bus.send([
    ...zones.map((zone, i) => party(`c-${i}`, zone)),
    ...Array.from({ length: 20 }, (_, i) => record(transaction(b.name, { id: `t-${i}`, customer: `c-${i}` }))),
  ])
  const service = await detector(b.config)
  await eventually('everything', async () => (await progressOf(b)) === 20 && (await progressOf(b, 'parties')) === 4)
  expect((await decidedIds(b)).length).toBe(20)
  const known = await rows<{ customer: string }>(b, 'SELECT customer FROM customers WHERE tenant = ? ORDER BY customer')
  expect(known.map(({ customer }) => customer)).toEqual(['c-0', 'c-2'])
  const letters = await rows<{ reason: string; detail: string; record_value: Buffer }>(
    b,
    'SELECT reason, detail, record_value FROM dead_letters WHERE tenant = ? ORDER BY record_value',
  )
  expect(
    letters.map(({ reason, record_value }) => [reason, (JSON.parse(record_value.toString()) as { customer: string }).customer]).toSorted(),
  ).toEqual([
    ['refused', 'c-1'],
    ['refused', 'c-3'],
  ])
  expect(letters[0].detail).toMatch(/the database does not take it: .*zone/)
  expect(service.health()).toEqual({ ready: true, problems: [] })
})
