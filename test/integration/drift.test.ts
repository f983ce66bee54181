/** A bank whose feed changes: the trainer finds it by what the detector recorded, and tells it once. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { type SimulatedEvent, simulate } from '../../infra/simulator/simulate.ts'
import { modelFolder } from '../../models/artefact.ts'
import { foldStream } from '../../models/data/from-simulator.ts'
import { binsOf, type ModelBins } from '../../models/drift/bins.ts'
import { dayStart } from '../../models/drift/days.ts'
import { columnsOf, type Watched } from '../../models/drift/watched.ts'
import { type Control, innerTopics, type Transaction, tenantTopic, topics } from '../../services/shared/events.ts'
import type { Outgoing } from '../../services/shared/kafka/bus.ts'
import { readDrift } from '../../services/shared/tidb/drift.ts'
import { register } from '../../services/shared/tidb/model-changes.ts'
import { createTenant } from '../../services/shared/tidb/settings.ts'
import { readRuns } from '../../services/shared/tidb/training-runs.ts'
import { createTrainer } from '../../services/trainer/service.ts'
import { createDriftWatch } from '../../services/trainer/watch-drift.ts'
import { type Bank, bank, detector, progressOf } from '../helpers/bank.ts'
import { shiftedModel } from '../helpers/models.ts'
import { eventually, testTelemetry, unique } from '../helpers/servers.ts'
import { collect, valuesOf } from '../helpers/topics.ts'

const day = 86_400_000
const days = 28
const start = dayStart(Date.now(), 'UTC') - days * day
const settings = { labels: { maturityDays: 7 } }
/** It goes on beyond what is taken. */
const size = { transactions: 5000, customers: 300, days: 34 }

/**
 * What has happened by now, in one currency, so that no rates are needed. Without outcomes: among transactions that all come at once it would be chance which of
 * them an outcome comes before.
 */
function feed(): SimulatedEvent[] {
  const known = new Set<string>()
  return [...simulate({ seed: 11, tenant: 'feed', start, resends: 0, ...size })].filter((e) => {
    if (e.at >= start + days * day) return false
    if (e.topic === 'transactions') return e.event.currency === 'EUR' && known.add(e.event.id)
    return e.topic === 'parties' || (e.topic === 'labels' && known.has(e.event.transaction))
  })
}

/** From the first fortnight, in which what looks back 30 days has not warmed up. */
function trainedOn(events: readonly SimulatedEvent[]): ModelBins {
  const data = foldStream(events, size.transactions)
  onTestFinished(() => data.matrix.close())
  const rows = Uint32Array.from([...data.times.keys()].filter((row) => data.times[row] < start + 14 * day))
  return binsOf({ ...data, rows, scores: new Float32Array(0) })
}

/** The bank's records; from the 21st day on its transactions are changed. */
const recordsOf = (tenant: string, events: readonly SimulatedEvent[], change: (t: Transaction) => Transaction): Outgoing[] =>
  events.map(({ topic, event, at }) => {
    const own = { ...event, tenant }
    const sent = topic === 'transactions' && at >= start + 20 * day ? change(own as Transaction) : own
    return { topic: tenantTopic(tenant, topic), key: (topics[topic].key as (e: object) => string)(sent), value: JSON.stringify(sent) }
  })

/** Who customers are comes first, and what became of transactions last. */
async function play(banks: readonly [Bank, (t: Transaction) => Transaction][], events: readonly SimulatedEvent[]): Promise<void> {
  for (const topic of ['parties', 'transactions', 'labels']) {
    const some = events.filter((e) => e.topic === topic)
    for (const [{ name, bus }, change] of banks)
      for (let i = 0; i < some.length; i += 1000) await bus.send(recordsOf(name, some.slice(i, i + 1000), change))
    for (const [b] of banks) await eventually(`all ${topic}`, async () => (await progressOf(b, topic)) === some.length, 120)
  }
}

const toldOf = (records: Control[], tenant: string) => records.filter((c) => c.tenant === tenant && c.kind === 'drift')

test('an alarm names what moved when amounts change their unit or devices are lost, once, and a stable bank raises none', async () => {
  const silent = await bank(settings)
  const { config, database, bus } = silent
  // Of one partition, so that merchants are counted in order of time although all comes at once.
  const named = async (): Promise<Bank> => {
    const tenant = await createTenant(database, bus, { tenant: unique('bank-'), partitions: 1, settings })
    return { ...silent, tenant, name: tenant.tenant }
  }
  const [stable, cents, lost] = [await named(), await named(), await named()]
  const events = feed()
  const bins = trainedOn(events)
  const folder = await shiftedModel(0, (manifest) => {
    manifest.bins = bins
  })
  await register(database, modelFolder(folder), { by: 'test', reason: 'the bank itself' })
  const changes: [Bank, (t: Transaction) => Transaction][] = [
    [stable, (t) => t],
    [cents, (t) => ({ ...t, amount: t.amount * 100 })],
    [lost, ({ device: _, ...t }) => t],
  ]
  const decider = await detector(config)
  await play(changes, events)
  await decider.stop()

  const control = await collect(bus, innerTopics.control)
  const trainer = createTrainer(config, testTelemetry())
  onTestFinished(() => trainer.stop())
  await trainer.start()
  const told = () => valuesOf<Control>(control)
  await eventually('both alarms', () => toldOf(told(), cents.name).length > 0 && toldOf(told(), lost.name).length > 0, 60)
  const [inCents] = toldOf(told(), cents.name)
  const [withoutDevices] = toldOf(told(), lost.name)
  const names = ({ drift }: Control) => drift?.columns.map((c) => c.name) ?? []
  expect(inCents).toMatchObject({ version: 1, drift: { state: 'alarm' } })
  expect(names(inCents)).toEqual(expect.arrayContaining(['amount', 'sum_24h', 'mean_7d', 'max_1h']))
  expect(names(inCents).filter((name) => !/amount|sum|mean|max|large|day_over_habit/.test(name))).toEqual([])
  expect(names(withoutDevices)).toContain('device_unknown')
  expect(names(withoutDevices).filter((name) => !name.includes('device'))).toEqual([])

  const windowOf = (name: string) => eventually(`the window of ${name}`, async () => (await readDrift(database, name))[0])
  const quiet = await windowOf(stable.name)
  expect(quiet.alarm).toEqual([])
  expect(toldOf(told(), stable.name)).toEqual([])
  expect(await windowOf(silent.name)).toMatchObject({ verdict: 'too few rows', alarm: [] })
  const warming = columnsOf(quiet.watched.drift).filter((column) => column.verdict === 'warming up')
  expect(warming.map(({ name }) => name)).toEqual(expect.arrayContaining(['count_30d', 'counterparty_age']))
  expect(quiet.watched).toMatchObject({ otherFeatures: 0, rescored: 0, calibration: { rescored: 0 } })
  expect(quiet.watched.calibration?.frauds).toBeGreaterThan(0)
  const missing = columnsOf((await readDrift(database, lost.name))[0].watched.drift).find(
    ({ name }) => name === 'device_count_24h',
  )?.missing
  expect(missing?.now).toBe(1)
  expect(missing?.before).toBeLessThan(0.9)
  await trainer.stop()

  // A day later it has still drifted, which is not told again; and asks for a training only where the bank wants one.
  const telemetry = testTelemetry()
  const clock = () => Date.now() + day
  await database.execute('DELETE FROM drift WHERE tenant = ?', [lost.name])
  await database.execute("UPDATE tenant_settings SET settings = JSON_SET(settings, '$.drift.retrain', true) WHERE tenant = ?", [lost.name])
  const watch = createDriftWatch({ database, telemetry, clock })
  await watch.look()
  await watch.look()
  expect((await readDrift(database, cents.name, 10)).map((w) => w.alarm.includes('amount'))).toEqual([true, true])
  const waiting = (await database.query<{ record_value: Buffer }>('SELECT record_value FROM outbox')).map((r) =>
    JSON.parse(String(r.record_value)),
  )
  expect(waiting.map(({ tenant }: Control) => tenant)).toEqual([lost.name])
  expect((await readRuns(database)).map(({ trigger, tenants, state }) => [trigger, tenants.length, state])).toEqual([
    ['drift', 4, 'waiting'],
  ])
  expect(await telemetry.metrics.getSingleMetricAsString('assay_drift_psi')).toMatch(
    new RegExp(`assay_drift_psi{tenant="${cents.name}",feature="amount"} [1-9]`),
  )

  const command = ['infra/bootstrap.mjs', 'models/main.ts', 'drift', '--tenant', cents.name, '--fail-on', 'drifting', '--json']
  const env = { ...process.env, ASSAY_DATABASE: config.sql.database }
  const ended = await promisify(execFile)(process.execPath, command, { env, maxBuffer: 2 ** 24 }).then(
    () => ({ code: 0, stdout: '' }),
    (error: { code: number; stdout: string }) => error,
  )
  expect(ended.code).toBe(2)
  const printed = JSON.parse(ended.stdout.trimEnd().split('\n').at(-1) ?? '') as Watched
  expect(printed).toMatchObject({ of: cents.name, drift: { verdict: 'drifting' }, days: { length: 7 } })
}, 240_000)
