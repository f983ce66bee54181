/** The way of a random sample: what the model let pass is drawn, looked at, and learnt from with the weight of what was not drawn. */
import { expect, onTestFinished, test } from 'vitest'
import { fraud, genuine, labelsAsKnown, unknown } from '../../models/data/dataset.ts'
import { readDataset } from '../../models/data/from-database.ts'
import { createCasework } from '../../services/casework/service.ts'
import { claimCase, giveVerdict, listCases } from '../../services/shared/tidb/cases.ts'
import { createOutboxRelay } from '../../services/shared/tidb/outbox.ts'
import { bank, decidedIds, detector, rows } from '../helpers/bank.ts'
import { eventually, testTelemetry } from '../helpers/servers.ts'
import { record, transaction } from '../helpers/transactions.ts'

test('approved transactions that are drawn become cases, verdicts on them labels, and a fraud among them weighs 1 / probability', async () => {
  const sampleRate = 0.25
  const b = await bank({ thresholds: { challenge: 1, review: 1, decline: 1 }, sampleRate })
  await detector(b.config)
  const casework = createCasework(b.config, testTelemetry(), { sweepMs: 300, graceMs: 300 })
  onTestFinished(() => casework.stop())
  await casework.start()
  const relay = createOutboxRelay(b.database, b.bus, testTelemetry())
  onTestFinished(() => relay.stop())
  await relay.start()

  const start = Date.now() - 200_000
  const sent = Array.from({ length: 160 }, (_, i) =>
    transaction(b.name, { id: `t-${i}`, customer: `c-${i}`, instrument: `card-${i}`, time: new Date(start + i * 1000).toISOString() }),
  )
  await b.bus.send(sent.map(record))
  await eventually('the decisions', async () => (await decidedIds(b)).length === sent.length)
  const drawn = await rows<{ id: string; action: number; sample_probability: number }>(
    b,
    'SELECT id, action, sample_probability FROM transactions WHERE tenant = ? AND sampled = 1 ORDER BY time',
  )
  expect(drawn.length).toBeGreaterThan(10)
  expect(drawn.length).toBeLessThan(80)
  for (const row of drawn) expect(row).toMatchObject({ action: 0, sample_probability: sampleRate })

  const cases = await eventually('a case for each', async () => {
    const found = (await listCases(b.database, { tenant: b.name, limit: 500 })).cases
    return found.length === drawn.length && found
  })
  expect(cases.every((c) => c.sample && c.dueAt === null)).toBe(true)
  const customerOf = (id: string) => id.replace('t-', 'c-')
  const judge = async (id: string, disposition: 'fraud' | 'genuine') => {
    const { id: caseId } = cases.find((c) => c.customer === customerOf(id)) as (typeof cases)[number]
    await claimCase(b.database, { tenant: b.name, caseId, actor: 'ada' })
    await giveVerdict(b.database, { tenant: b.name, caseId, actor: 'ada', disposition })
  }
  const [found, cleared, unjudged] = drawn
  await judge(found.id, 'fraud')
  await judge(cleared.id, 'genuine')
  await eventually('the labels', async () => (await rows(b, 'SELECT id FROM labels WHERE tenant = ?')).length === 2)

  const data = await readDataset(b.database, { tenants: [b.name], at: Date.now() })
  onTestFinished(() => data.matrix.close())
  const labels = labelsAsKnown(data, data.at as number)
  const of = (id: string) => {
    const place = sent.findIndex((t) => t.id === id)
    return [labels[place], data.weights[place]]
  }
  expect(of(found.id)).toEqual([fraud, 1 / sampleRate])
  expect(of(cleared.id)).toEqual([genuine, 1])
  expect(of(unjudged.id)).toEqual([unknown, 1])
  expect(data.weights.reduce((sum, weight) => sum + weight, 0)).toBe(sent.length - 1 + 1 / sampleRate)
  expect(data.description).toMatchObject({ drawnForReview: { drawn: drawn.length, weighted: 1, weight: 1 / sampleRate } })
})
