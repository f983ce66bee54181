import { expect, onTestFinished, test } from 'vitest'
import { applyThresholds, suggestFor } from '../../infra/commands/thresholds.ts'
import { featureSetHash } from '../../models/fold/features.ts'
import { insertDecided, prepareForWriting } from '../../services/detector/record/insert.ts'
import { readTenants } from '../../services/shared/tidb/settings.ts'
import { bank } from '../helpers/bank.ts'
import { decided } from '../helpers/decided.ts'
import { unique } from '../helpers/servers.ts'
import { transaction } from '../helpers/transactions.ts'

const day = 86_400_000
const start = Date.UTC(2026, 5, 1)

test('thresholds are suggested by recorded scores and labels as they are known, and saved as a new version', async () => {
  const b = await bank()
  const scores = [...Array(60).fill(0.9), ...Array(40).fill(0.25), ...Array(200).fill(0.01), ...Array(30).fill(0.99)]
  // The last ones are younger than the time after which silence means genuine.
  const rows = scores.map((score, i) => {
    const time = new Date(start + (i < 300 ? (i % 21) * day : 40 * day) + i).toISOString()
    return decided(transaction(b.name, { id: `t-${i}`, time, amount: 10_000 }), i, { score })
  })
  const connection = await b.database.connect()
  onTestFinished(() => connection.destroy())
  await prepareForWriting(connection)
  await insertDecided(connection, rows, Buffer.from(featureSetHash, 'hex'))
  await connection.query('COMMIT')
  const say = (from: number, to: number, days: number) =>
    b.database.execute('INSERT INTO labels (tenant, transaction_id, known_at, id, value, source, happened_at, received) VALUES ?', [
      rows.slice(from, to).map(({ id }) => [b.name, id, start + days * day, unique('l-'), 'fraud', 'chargeback', start, start]),
    ] as never)
  await say(0, 58, 30)
  await say(60, 70, 30)
  await say(100, 300, 90)

  const options = { tenant: b.name, budget: 4, at: start + 70 * day, challengePrecision: 0.2, declinePrecision: 0.9 }
  const answer = await suggestFor(b.database, options)
  expect(answer).toMatchObject({ rows: 300, frauds: 68, settings: 1, currency: 'EUR', notes: [] })
  expect(answer.thresholds).toEqual({ challenge: 0.25, review: 0.9, decline: 0.9 })
  expect(answer.suggested).toMatchObject({ alerts: 60, fraudsCaught: 58, saved: 580_000, cost: 30_000, challenged: 40 })
  expect(answer.inForce).toMatchObject({ alerts: 60, challenged: 40 })
  await expect(suggestFor(b.database, { ...options, at: start + 50 * day, from: start + 4 * day })).rejects.toMatchObject({
    code: 'frauds_too_few',
  })

  await expect(suggestFor(b.database, { ...options, at: start + 45 * day })).rejects.toThrow(/silence counts as genuine after 45 days/)

  expect(await applyThresholds(b.database, answer, 'ana')).toBe(2)
  const now = (await readTenants(b.database)).find((t) => t.tenant === b.name)
  expect(now).toMatchObject({ version: 2, settings: { ...b.tenant.settings, thresholds: answer.thresholds } })
  await expect(applyThresholds(b.database, answer, 'ben')).rejects.toMatchObject({ code: 'settings_changed' })
})
