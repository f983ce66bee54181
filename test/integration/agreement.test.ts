/** Two models on the same transactions of a bank: what was recorded of both, and what became known. */
import { expect, onTestFinished, test } from 'vitest'
import { agreementOf } from '../../models/evaluation/agreement.ts'
import { featureSetHash } from '../../models/fold/features.ts'
import { insertDecided, prepareForWriting } from '../../services/detector/record/insert.ts'
import { encodeChallengers } from '../../services/shared/tidb/row-bytes.ts'
import { bank } from '../helpers/bank.ts'
import { decided } from '../helpers/decided.ts'
import { transaction } from '../helpers/transactions.ts'

const day = 86_400_000
const start = Date.UTC(2026, 5, 1)

test('two models are compared on what both scored, whichever of them decided, with labels as they were known', async () => {
  const b = await bank()
  const connection = await b.database.connect()
  onTestFinished(() => connection.destroy())
  await prepareForWriting(connection)
  // Of model 1 and 2: both raise, one alone does, the other one does, neither does. What model 9 scored is of no interest.
  const scores = [
    ...Array(30).fill([0.9, 0.8]),
    ...Array(20).fill([0.5, 0.2]),
    ...Array(10).fill([0.1, 0.7]),
    ...Array(2040).fill([0.01, 0.02]),
  ]
  const rows = scores.map(([one, two], i) => {
    const time = new Date(start + (i % 20) * day + i).toISOString()
    const [model, score, other] = i % 2 === 0 ? [1, one, { version: 2, scores: [two] }] : [2, two, { version: 1, scores: [one] }]
    const challengers = encodeChallengers([{ version: 9, scores: [0.5] }, other], 0)
    return decided(transaction(b.name, { id: `t-${i}`, time }), i, { score, model, challengers })
  })
  const alone = [
    decided(transaction(b.name, { id: 'x-1', time: new Date(start).toISOString() }), 5000, { score: 0.9 }),
    decided(transaction(b.name, { id: 'x-2', time: new Date(start).toISOString() }), 5001, {
      challengers: encodeChallengers([{ version: 9, scores: [0.5] }], 0),
    }),
  ]
  for (let i = 0; i < rows.length; i += 500) await insertDecided(connection, rows.slice(i, i + 500), Buffer.from(featureSetHash, 'hex'))
  await insertDecided(connection, alone, Buffer.from(featureSetHash, 'hex'))
  await connection.query('COMMIT')
  let said = 0
  const say = (ids: number[], value: string, source: string, after: number) =>
    b.database.execute('INSERT INTO labels (tenant, transaction_id, known_at, id, value, source, happened_at, received) VALUES ?', [
      ids.map((i) => [b.name, `t-${i}`, start + after * day, `l-${said++}`, value, source, start, start]),
    ] as never)
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
  await say(range(0, 25), 'fraud', 'chargeback', 21)
  await say(range(50, 58), 'fraud', 'chargeback', 21)
  // A chargeback goes before an analyst, whatever came last.
  await say(range(0, 5), 'genuine', 'analyst', 22)
  await say(range(30, 50), 'genuine', 'analyst', 22)
  await say(range(25, 30), 'inconclusive', 'analyst', 22)
  await say(range(58, 60), 'fraud', 'chargeback', 30)

  const options = { tenant: b.name, a: 1, b: 2, from: start, to: start + 20 * day + day, at: start + 25 * day }
  const found = await agreementOf(b.database, options)
  expect(found).toMatchObject({
    rows: 2100,
    atThresholds: {
      both: { rows: 30, frauds: 25, genuine: 0 },
      onlyA: { rows: 20, frauds: 0, genuine: 20 },
      onlyB: { rows: 10, frauds: 8, genuine: 0 },
    },
    labelled: { rows: 53, frauds: 33, genuine: 20 },
  })
  expect(found.meanA).toBeCloseTo((30 * 0.9 + 20 * 0.5 + 10 * 0.1 + 2040 * 0.01) / 2100, 10)
  expect(found.labelled.b.auc).toBe(1)
  expect(found.labelled.a.auc).toBeCloseTo(25 / 33, 5)
  // The first raises 50 at the bank's thresholds; 40 are the most that the second can without raising 2 100.
  expect(found.atBudget).toMatchObject({ alerts: 50, thresholdA: 0.5, both: { rows: 30 }, onlyA: { rows: 20 } })
  expect(found.correlation).toBeGreaterThan(0.5)
  expect(found.rankCorrelation).toBeLessThan(1)
  expect(found.disagreements).toHaveLength(20)
  expect(found.disagreements[0]).toMatchObject({ a: 0.1, b: 0.7, label: 'fraud' })

  const later = await agreementOf(b.database, { ...options, at: start + 80 * day, budget: 1.58 })
  expect(later.labelled).toMatchObject({ rows: 2095, frauds: 35 })
  expect(later.atBudget).toMatchObject({
    alerts: 30,
    thresholdA: 0.9,
    thresholdB: 0.8,
    both: { rows: 30 },
    onlyA: { rows: 0 },
    onlyB: { rows: 0 },
  })
  await expect(agreementOf(b.database, { ...options, b: 3 })).rejects.toMatchObject({ code: 'never_together' })
})
