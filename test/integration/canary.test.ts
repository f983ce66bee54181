/** A canary decides for some customers, under guards that take it back. */
import { expect, onTestFinished, test } from 'vitest'
import { readTopic } from '../../infra/read-topic.ts'
import { differences, verify } from '../../infra/verify.ts'
import { modelFolder } from '../../models/artefact.ts'
import { isOfCanary } from '../../services/detector/canary/share.ts'
import { createDetector } from '../../services/detector/service.ts'
import type { GuardLimits } from '../../services/shared/config.ts'
import { type Control, type Decision, innerTopics, tenantTopic } from '../../services/shared/events.ts'
import { canary, promote, register } from '../../services/shared/tidb/model-changes.ts'
import { readHistory, readVersion } from '../../services/shared/tidb/models.ts'
import { decodeChallengers, decodeReasons } from '../../services/shared/tidb/row-bytes.ts'
import { type Bank, bank, detector, progressOf, rows } from '../helpers/bank.ts'
import { blindModel, brokenModel, shiftedModel, slowModel } from '../helpers/models.ts'
import { eventually, testTelemetry, unique } from '../helpers/servers.ts'
import { record, transaction } from '../helpers/transactions.ts'

const customers = 60
const ana = { by: 'ana', reason: 'trained' }
const ben = { by: 'ben', reason: 'agrees in shadow', secondPerson: true }

type Row = {
  id: string
  customer: string
  score: number
  action: number
  reasons: Buffer | null
  model: number
  challengers: Buffer | null
}
const rowsOf = (b: Bank) =>
  rows<Row>(
    b,
    'SELECT id, customer, score, action, reasons, model, challengers FROM transactions WHERE tenant = ? ORDER BY part, log_offset',
  )

/** Sends `many` transactions of all customers. */
async function send(b: Bank, prefix: string, many: number): Promise<void> {
  await b.bus.send(
    Array.from({ length: many }, (_, i) => {
      const customer = `c-${i % customers}`
      return record(transaction(b.name, { id: `${prefix}-${i}`, customer, instrument: `card-${customer}`, amount: 100 + 997 * (i % 100) }))
    }),
  )
}
async function decided(b: Bank, sent: number): Promise<Row[]> {
  await eventually(`${sent} rows`, async () => (await progressOf(b)) >= sent)
  return rowsOf(b)
}
/** One that comes again comes as it was, and counts once. */
async function decisionsOf(b: Bank): Promise<Decision[]> {
  const texts = new Set<string>()
  await readTopic(b.bus, tenantTopic(b.name, 'decisions'), unique('reader-'), (r) => void texts.add(String(r.value)))
  return [...texts].map((text) => JSON.parse(text) as Decision)
}

test('a canary decides for the same customers in every batch, after a restart too, by its own scores and reasons', async () => {
  const b = await bank({ thresholds: { challenge: 0, review: 0.4, decline: 0.9 } })
  b.config.guards.rows = 100_000
  const first = createDetector(b.config, testTelemetry())
  onTestFinished(() => first.stop())
  await first.start()
  const version = await register(b.database, modelFolder(await blindModel()), ana)
  await canary(b.database, version, 0.4, ben)
  let sent = 0
  const sendMore = async (many: number) => {
    await send(b, `t-${sent}`, many)
    sent += many
  }
  await eventually('the canary', async () => {
    await sendMore(customers)
    return (await decided(b, sent)).some((row) => row.model === version)
  })
  const before = sent
  await sendMore(3 * customers)
  await decided(b, sent)
  await first.stop()
  const second = createDetector(b.config, testTelemetry())
  onTestFinished(() => second.stop())
  await second.start()
  await sendMore(3 * customers)
  const all = await decided(b, sent)

  const owned = new Set(Array.from({ length: customers }, (_, i) => `c-${i}`).filter((customer) => isOfCanary(b.name, customer, 0.4)))
  expect(owned.size).toBeGreaterThan(5)
  expect(owned.size).toBeLessThan(50)
  const since = all.filter(({ id }) => Number(id.split('-')[1]) >= before)
  expect(since).toHaveLength(6 * customers)
  for (const row of since) {
    expect([row.customer, row.model]).toEqual([row.customer, owned.has(row.customer) ? version : 1])
    const beside = decodeChallengers(row.challengers)
    if (row.model === 1) expect(beside).toEqual([])
    else {
      // It gives a half to everybody for no reason, and what the champion would have given stands beside it.
      expect([row.score, row.action, decodeReasons(row.reasons)]).toEqual([0.5, 2, []])
      expect(beside.map((c) => c.version)).toEqual([1])
      expect(beside[0].score).not.toBe(0.5)
    }
  }
  expect(since.some((row) => row.model === 1 && decodeReasons(row.reasons).length > 0)).toBe(true)
  const decisions = await decisionsOf(b)
  const models = new Map(decisions.map((d) => [d.id, d.model]))
  expect(decisions).toHaveLength(sent)
  for (const row of all) expect(models.get(row.id)).toBe(row.model)

  expect(differences(await verify(b.database, { from: 0, to: Date.now() + 86_400_000, tenant: b.name }))).toBe(0)

  // One that becomes champion decides for all.
  await promote(b.database, version, { ...ben, insteadOf: 1 })
  await eventually('it decides for all', async () => {
    await sendMore(customers)
    const last = (await decided(b, sent)).filter(({ id }) => id.startsWith(`t-${sent - customers}-`))
    return last.every((row) => row.model === version)
  })
})

/** No guard but the one that a test sets. */
const silent: GuardLimits = { minutes: 15, rows: 150, alertRatio: 1e9, scoreShift: 1e9, latencyRatio: 1e9, errorShare: 1e9 }

test.each([
  { guard: 'alert_rate', limit: { alertRatio: 2 }, make: () => shiftedModel(9), figures: /alerts on .* of its \d+ transactions/ },
  { guard: 'score_shift', limit: { scoreShift: 0.25 }, make: () => shiftedModel(-6), figures: /stability index \d/ },
  { guard: 'latency', limit: { latencyRatio: 3 }, make: slowModel, figures: /ms for its part of a batch/ },
  {
    guard: 'errors',
    limit: { errorShare: 0.01 },
    make: () => shiftedModel(Number.NaN),
    figures: /no score for \d+ of its \d+ transactions/,
  },
  // This one throws, the one before gives no numbers.
  { guard: 'errors', limit: { errorShare: 0.01 }, make: brokenModel, figures: /no score for \d+ of its \d+ transactions/ },
])(
  'the guard $guard takes a canary back by itself, and nothing is lost or decided twice',
  async ({ guard, limit, make, figures }) => {
    const began = Date.now()
    const b = await bank()
    b.config.guards = { ...silent, ...limit }
    const telemetry = testTelemetry()
    const service = createDetector(b.config, telemetry)
    onTestFinished(() => service.stop())
    await service.start()
    await detector(b.config)
    const version = await register(b.database, modelFolder(await make()), ana)
    await canary(b.database, version, 0.5, ben)
    let sent = 0
    await eventually(
      'it is a candidate again',
      async () => {
        await send(b, `t-${sent}`, 5 * customers)
        sent += 5 * customers
        await eventually(`${sent} rows`, async () => (await progressOf(b)) >= sent, 60)
        return (await readVersion(b.database, version)).state === 'candidate'
      },
      120,
    )
    const [change] = await readHistory(b.database, version)
    expect(change).toMatchObject({ state: 'candidate', actor: 'assay', reason: expect.stringMatching(figures) })
    expect(change.reason).toContain(`guard ${guard}`)

    await decided(b, sent)
    await eventually('the champion decides for all', async () => {
      await send(b, `t-${sent}`, customers)
      sent += customers
      const after = (await decided(b, sent)).filter(({ id }) => id.startsWith(`t-${sent - customers}-`))
      return after.every((row) => row.model === 1)
    })
    const all = await rowsOf(b)
    expect(all).toHaveLength(sent)
    expect(new Set(all.map(({ id }) => id)).size).toBe(sent)
    expect(all.some((row) => row.model === version)).toBe(guard !== 'errors')
    const decisions = await eventually('all decisions', async () => {
      const found = await decisionsOf(b)
      return found.length >= sent && found
    })
    expect(decisions).toHaveLength(sent)

    const told: Control[] = []
    await readTopic(b.bus, innerTopics.control, unique('control-'), (r) => {
      told.push(JSON.parse((r.value as Buffer).toString()) as Control)
    })
    expect(told.some(({ kind, version: of, at }) => kind === 'model' && of === version && Date.parse(at) >= began)).toBe(true)
  },
  180_000,
)
