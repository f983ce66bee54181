/** The plot of the whole product: a fraud that nobody has seen before, and how a bank learns to stop it. */
import { expect, onTestFinished, test } from 'vitest'
import { simulate } from '../../infra/simulator/simulate.ts'
import { verify } from '../../infra/verify.ts'
import type { Agreement } from '../../models/evaluation/agreement.ts'
import { createCasework } from '../../services/casework/service.ts'
import { createConsole } from '../../services/console/service.ts'
import { addUser } from '../../services/console/users.ts'
import { type Label, type Transaction, tenantTopic, topics } from '../../services/shared/events.ts'
import type { Service } from '../../services/shared/lifecycle.ts'
import { isOver, type TrainingRun } from '../../services/shared/tidb/training-runs.ts'
import { createTrainer } from '../../services/trainer/service.ts'
import { type Bank, bank, detector, isDecided, rows } from '../helpers/bank.ts'
import { caller, login } from '../helpers/desk.ts'
import { eventually, testTelemetry } from '../helpers/servers.ts'
import { record, transaction } from '../helpers/transactions.ts'

const day = 86_400_000
const password = 'a password of theirs'
/** Two hundred customers, from ten weeks ago to some days from now. */
const bankSize = { seed: 1, days: 80, transactions: 11_000, customers: 200, resends: 0, fraudRate: 0 }

/** What is new: someone who came by the online access pays one and the same sum to an account, from no known device. */
const theft = (b: Bank, customer: string, instrument: string, number: number, time: number): Transaction =>
  transaction(b.name, {
    id: `theft-${number}`,
    kind: 'transfer',
    customer,
    instrument,
    counterparty: `mule-${number % 40}`,
    category: undefined as never,
    amount: 4900 + (number % 7) * 100,
    channel: 'online',
    country: 'DE',
    time: new Date(time).toISOString(),
  })

type Dealt = { transactions: Transaction[]; thefts: Transaction[] }

/** Deals out what the customers pay between so many days ago, with a theft after one in `every` payments. */
function dealer(b: Bank) {
  const now = Date.now()
  const honest = [...simulate({ ...bankSize, tenant: b.name, start: now - 70 * day })]
  const payments = honest.flatMap((e) => (e.topic === 'transactions' ? [e.event as Transaction] : [])).filter((t) => t.currency === 'EUR')
  let number = 0
  return (from: number, to: number, every: number): Dealt => {
    const own = payments.filter(({ time }) => Date.parse(time) >= now - from * day && Date.parse(time) < now - to * day)
    const thefts = own
      .filter((_, i) => i % every === 0)
      // Minutes or half a day later, so that the time between is no mark of them.
      .map((t, i) => theft(b, t.customer as string, t.instrument, number++, Date.parse(t.time) + 600_000 + ((i * 7919) % 720) * 60_000))
    return { transactions: [...own, ...thefts].sort((x, y) => Date.parse(x.time) - Date.parse(y.time)), thefts }
  }
}

/** Sends transactions as if each came when it happened. */
const send = (b: Bank, transactions: readonly Transaction[]) =>
  b.bus.send(transactions.map((t) => ({ ...record(t), timestamp: Date.parse(t.time) })))

/** Customers complain to their bank a day later. */
const complain = (b: Bank, thefts: readonly Transaction[]) =>
  b.bus.send(
    thefts.map((t) => {
      const known = Date.parse(t.time) + day
      const label: Label = {
        id: `complaint-${t.id}`,
        tenant: b.name,
        transaction: t.id,
        value: 'fraud',
        source: 'chargeback',
        happenedAt: t.time,
        knownAt: new Date(known).toISOString(),
      }
      return { topic: tenantTopic(b.name, 'labels'), key: topics.labels.key(label), value: JSON.stringify(label), timestamp: known }
    }),
  )

const started = async (service: Service) => {
  onTestFinished(() => service.stop())
  await service.start()
}
const decidedAll = (b: Bank) => eventually('all decisions', () => isDecided(b.database, b.bus, b.name), 60)

/** How many of the given transactions an alert was raised for, and by which models they were decided. */
async function raised(b: Bank, of: readonly Transaction[]) {
  const wanted = new Set(of.map(({ id }) => id))
  const found = (
    await rows<{ id: string; alert: number; model: number }>(b, 'SELECT id, alert, model FROM transactions WHERE tenant = ?')
  ).filter(({ id }) => wanted.has(id))
  return {
    share: found.filter(({ alert }) => alert === 1).length / of.length,
    models: [...new Set(found.map(({ model }) => model))].sort(),
  }
}

test('a new kind of fraud passes, is reported, learnt, shadowed, promoted by a second person while payments flow, caught, and rolled back', {
  timeout: 480_000,
}, async () => {
  const b = await bank({ labels: { maturityDays: 5 }, sampleRate: 0.01 }, 4)
  await detector(b.config)
  await started(createCasework(b.config, testTelemetry(), { sweepMs: 300, graceMs: 300 }))
  await started(createTrainer(b.config, testTelemetry(), { sweepMs: 200 }))
  const board = createConsole(b.config, testTelemetry())
  await started(board)
  const call = caller(board.url())
  for (const name of ['ana', 'ben']) await addUser(b.database, { name, role: 'scientist', tenant: null, password })
  await addUser(b.database, { name: 'ada', role: 'analyst', tenant: b.name, password })
  const [ana, ben, ada] = await Promise.all(['ana', 'ben', 'ada'].map((name) => login(board.url(), name, password)))
  const get = async <T>(cookie: string, path: string) => (await (await call('GET', path, { cookie })).json()) as T
  const post = (cookie: string, path: string, body: unknown) => call('POST', path, { cookie, body })

  // Two months in which nobody knows what happens.
  const deal = dealer(b)
  const before = deal(70, 8, 10)
  await send(b, before.transactions)
  await decidedAll(b)
  await complain(b, before.thefts)
  expect((await raised(b, before.thefts)).share).toBeLessThan(0.3)

  // An analyst looks at what was drawn from what had passed.
  type Cases = { cases: { id: string; customer: string; sample: boolean }[] }
  const { cases } = await eventually('cases', async () => {
    const found = await get<Cases>(ada, '/api/cases')
    return found.cases.some((c) => c.sample) && found
  })
  const looked = cases.filter((c) => c.sample).slice(0, 5)
  for (const { id } of looked) {
    expect((await post(ada, `/api/cases/${b.name}/${id}/claim`, {})).status).toBe(204)
    expect((await post(ada, `/api/cases/${b.name}/${id}/verdict`, { disposition: 'genuine' })).status).toBe(204)
  }
  await eventually(
    'the verdicts as labels',
    async () => (await rows(b, "SELECT id FROM labels WHERE tenant = ? AND source = 'analyst'")).length >= looked.length,
  )

  // A model learns it, and is better than what decides.
  const { id } = (await (await post(ana, '/api/training-runs', { reason: 'transfers to mules pass' })).json()) as { id: string }
  const run = await eventually(
    'the end of the training',
    async () => {
      const now = await get<TrainingRun>(ana, `/api/training-runs/${id}`)
      return isOver(now) && now
    },
    240,
  )
  expect(run, run.outcome ?? '').toMatchObject({ state: 'candidate', model: 2, by: 'ana' })

  // Beside the champion it sees what that lets pass, and nothing acts on it.
  expect((await post(ben, '/api/models/2/shadow', { reason: 'the gate let it through' })).status).toBe(204)
  const challenged = async () => (await rows(b, "SELECT id FROM transactions WHERE tenant = ? AND challengers <> ''")).length > 0
  const lastWeek = deal(8, 3, 5)
  const probe = (n: number) => transaction(b.name, { id: `probe-${n}`, customer: 'c-probe', instrument: 'card-probe' })
  let probes = 0
  await eventually('scores of the challenger', async () => {
    await b.bus.send([record(probe(probes++))])
    return challenged()
  })
  await send(b, lastWeek.transactions)
  await decidedAll(b)
  await complain(b, lastWeek.thefts)
  expect(await raised(b, lastWeek.thefts)).toMatchObject({ models: [1] })
  const agreement = await get<Agreement>(ben, `/api/models/agreement?tenant=${b.name}&a=1&b=2&days=9`)
  expect(agreement.labelled.frauds).toBeGreaterThan(5)
  expect(agreement.atThresholds.onlyB.frauds).toBeGreaterThan(agreement.labelled.frauds / 2)

  // Whoever trained it does not promote it. Somebody else does, while payments flow.
  expect((await post(ana, '/api/models/2/promote', { reason: 'mine', insteadOf: 1 })).status).toBe(403)
  const flow = deal(3, 1.5, 10)
  const flowing = (async () => {
    for (let i = 0; i < flow.transactions.length; i += 20) await send(b, flow.transactions.slice(i, i + 20))
  })()
  expect((await post(ben, '/api/models/2/promote', { reason: 'it catches the transfers', insteadOf: 1 })).status).toBe(200)
  await flowing
  const byNew = () => rows(b, 'SELECT id FROM transactions WHERE tenant = ? AND model = 2 LIMIT 1')
  await eventually('the new champion', async () => {
    await b.bus.send([record(probe(probes++))])
    return (await byNew()).length > 0
  })

  // The same fraud is stopped now, and becomes cases.
  const caught = deal(1.5, 0.6, 2)
  await send(b, caught.transactions)
  await decidedAll(b)
  const after = await raised(b, caught.thefts)
  expect(after.models).toEqual([2])
  expect(after.share).toBeGreaterThan(0.7)
  const inCases = new Set(
    (await rows<{ id: string }>(b, 'SELECT transaction_id AS id FROM case_transactions WHERE tenant = ?')).map((r) => r.id),
  )
  await eventually('a case for the frauds', async () => {
    for (const { id } of await rows<{ id: string }>(b, 'SELECT transaction_id AS id FROM case_transactions WHERE tenant = ?'))
      inCases.add(id)
    return caught.thefts.filter((t) => inCases.has(t.id)).length >= 0.7 * caught.thefts.length
  })

  // And back, in one step.
  expect((await post(ben, '/api/models/rollback', { reason: 'an exercise', insteadOf: 2 })).status).toBe(200)
  const champions = await rows<{ n: number }>(b, 'SELECT COUNT(*) AS n FROM transactions WHERE tenant = ? AND model = 1')
  await eventually('the champion before', async () => {
    await b.bus.send([record(probe(probes++))])
    const now = await rows<{ n: number }>(b, 'SELECT COUNT(*) AS n FROM transactions WHERE tenant = ? AND model = 1')
    return now[0].n > champions[0].n
  })
  await decidedAll(b)

  // Nothing was lost or decided twice on the way, and everything can be computed again by the model that decided it.
  const sent = [before, lastWeek, flow, caught].reduce((sum, d) => sum + d.transactions.length, probes)
  expect(await rows(b, 'SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS different FROM transactions WHERE tenant = ?')).toMatchObject([
    { n: sent, different: sent },
  ])
  const verified = await verify(b.database, { from: 0, to: Date.now() + day, tenant: b.name })
  expect(verified).toMatchObject({ checked: sent, featuresDiffering: 0, scoresDiffering: 0, actionsDiffering: 0, missing: 0 })
})
