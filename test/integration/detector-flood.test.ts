/** A bank that floods, and another one that wants an answer meanwhile. */
import { expect, test } from 'vitest'
import { bank, detector, progressOf, rows } from '../helpers/bank.ts'
import { eventually, testTenant } from '../helpers/servers.ts'
import { record, transaction } from '../helpers/transactions.ts'

test('a bank is answered again and again while another one’s flood still waits, and nothing of either is lost', async () => {
  const flooding = await bank()
  const quiet = { ...flooding, name: (await testTenant(flooding.database, flooding.bus)).tenant }
  const flood = 8000
  for (let from = 0; from < flood; from += 2000)
    await flooding.bus.send(
      Array.from({ length: 2000 }, (_, i) =>
        record(transaction(flooding.name, { id: `f-${from + i}`, customer: `c-${(from + i) % 500}`, extra: { note: 'x'.repeat(100) } })),
      ),
    )
  await detector(flooding.config)
  await eventually('the flood to be worked on', async () => (await progressOf(flooding)) > 0)
  // Each is sent when the one before it has been decided, so that each meets the flood anew.
  for (let n = 1; n <= 3; n++) {
    await quiet.bus.send([record(transaction(quiet.name, { id: `q-${n}` }))])
    await eventually(`answer ${n}`, async () => (await progressOf(quiet)) === n)
  }
  expect(await progressOf(flooding)).toBeLessThan(flood)
  await eventually('the flood to be over', async () => (await progressOf(flooding)) === flood)
  const [{ n }] = await rows<{ n: number }>(flooding, 'SELECT COUNT(*) AS n FROM transactions WHERE tenant = ?')
  expect(Number(n)).toBe(flood)
})
