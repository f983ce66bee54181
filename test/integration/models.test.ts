/** Which model decides: the registry, and detectors that follow it while transactions flow. */
import { expect, onTestFinished, test } from 'vitest'
import { type Manifest, modelFolder } from '../../models/artefact.ts'
import { loadScorer } from '../../models/scorer.ts'
import { AssayError } from '../../services/shared/errors.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { canary, promote, register, retire, rollback, shadow, withdraw } from '../../services/shared/tidb/model-changes.ts'
import { championOf, readHistory, readVersions, registeredModel, scoringVersions } from '../../services/shared/tidb/models.ts'
import { type Bank, bank, detector, rows } from '../helpers/bank.ts'
import { shiftedModel } from '../helpers/models.ts'
import { eventually, testConfig, testDatabase } from '../helpers/servers.ts'
import { record, transaction } from '../helpers/transactions.ts'

const ana = { by: 'ana', reason: 'trained' }
const ben = { by: 'ben', reason: 'better', secondPerson: true }
const codeOf = (error: unknown) => (error instanceof AssayError ? error.code : String(error))
const fails = (work: Promise<unknown>) => work.then(() => 'done', codeOf)

const otherFeatures = (manifest: Manifest) => {
  manifest.featureSet = '0123456789abcdef'
}

type Row = { id: string; model: number; score: number; part: number; log_offset: number }
const rowsOf = (b: Bank) =>
  rows<Row>(b, 'SELECT id, model, score, part, log_offset FROM transactions WHERE tenant = ? ORDER BY part, log_offset')
const statesOf = async (database: Database) =>
  Object.fromEntries((await readVersions(database)).map(({ version, state }) => [version, state]))

/** Sends transactions all the time until it is told to stop; returns how many. */
function stream(b: Bank): () => Promise<number> {
  let sent = 0
  let going = true
  const run = async () => {
    while (going) {
      await b.bus.send(Array.from({ length: 20 }, () => record(transaction(b.name, { id: `t-${sent++}`, customer: `c-${sent % 40}` }))))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const running = run()
  const stop = async () => {
    going = false
    await running
    return sent
  }
  onTestFinished(async () => void (await stop()))
  return stop
}

test('a promoted model decides at every detector while transactions flow, nothing is lost or decided twice, and it is rolled back the same way', async () => {
  const b = await bank()
  await detector(b.config)
  await detector(b.config)
  const [{ version: one, by, manifest }] = await readVersions(b.database)
  expect([one, by, manifest.name]).toEqual([1, 'assay', 'default'])
  const stop = stream(b)
  const decidedBy = (version: number) =>
    eventually(`both detectors with model ${version}`, async () => {
      const last = new Map((await rowsOf(b)).map((r) => [r.part, r.model]))
      return last.size === b.tenant.partitions && [...last.values()].every((model) => model === version)
    })
  await decidedBy(one)
  const two = await register(b.database, modelFolder(await shiftedModel(1)), ana)
  expect(await statesOf(b.database)).toEqual({ [one]: 'champion', [two]: 'candidate' })
  await promote(b.database, two, { ...ben, insteadOf: one })
  await decidedBy(two)
  expect(await rollback(b.database, { by: 'ben', reason: 'too many alerts' })).toBe(one)
  const before = (await rowsOf(b)).length
  await eventually('model 1 again', async () => {
    const last = new Map((await rowsOf(b)).map((r) => [r.part, r.model]))
    return (await rowsOf(b)).length > before && [...last.values()].every((model) => model === one)
  })
  const sent = await stop()
  await eventually('all decided', async () => (await rowsOf(b)).length === sent)
  const all = await rowsOf(b)
  // Each partition is decided by one model, then the other, then the first again.
  for (let part = 0; part < b.tenant.partitions; part++) {
    const models = all.filter((r) => r.part === part).map((r) => r.model)
    expect([part, models.filter((model, i) => model !== models[i - 1])]).toEqual([part, [one, two, one]])
  }
  const logit = (p: number) => Math.log(p / (1 - p))
  const mean = (version: number) => {
    const scores = all.filter((r) => r.model === version).map((r) => logit(r.score))
    return scores.reduce((a, z) => a + z, 0) / scores.length
  }
  expect(mean(two)).toBeGreaterThan(mean(one))
  expect((await readHistory(b.database)).map(({ version, state, actor }) => `${version} ${state} ${actor}`)).toEqual(
    expect.arrayContaining(['1 champion assay', '2 candidate ana', '2 champion ben', '1 retired ben', '2 retired ben', '1 champion ben']),
  )
})

test('a champion that is damaged, or of other features, leaves the one before deciding, and is told of', async () => {
  const b = await bank()
  const service = await detector(b.config)
  const damaged = await register(b.database, modelFolder(await shiftedModel(1)), ana)
  const misfit = await register(b.database, modelFolder(await shiftedModel(2, otherFeatures)), ana)
  await b.database.execute("UPDATE models SET artefact = REPLACE(artefact, 'A', 'B') WHERE version = ?", [damaged])
  await expect(registeredModel(b.database, damaged)).rejects.toThrow(/not those that were registered/)
  let champion = 1
  for (const [version, said] of [
    [damaged, /model 2 cannot be used, model 1 goes on: .*not those that were registered/],
    [misfit, /model 3 cannot be used, model 1 goes on: .*trained on other features/],
  ] as const) {
    await promote(b.database, version, { ...ben, insteadOf: champion })
    champion = version
    await eventually('it is told of', async () => service.health().problems.some((problem) => said.test(problem)))
    expect(service.health().ready).toBe(true)
    await b.bus.send([record(transaction(b.name, { id: `t-${version}`, customer: 'c' }))])
    await eventually('the row', async () => (await rowsOf(b)).some((r) => r.id === `t-${version}` && r.model === 1))
  }
  await promote(b.database, 1, { ...ben, insteadOf: champion })
  await eventually('nothing to tell', async () => service.health().problems.length === 0)
})

test('a detector that starts where the champion does not fit takes the model that ships with it', async () => {
  const b = await bank()
  await register(b.database, modelFolder(await shiftedModel(1, otherFeatures)), ana)
  await detector(b.config)
  expect(await statesOf(b.database)).toEqual({ 1: 'retired', 2: 'champion' })
})

test('one model is champion, whoever promotes what at once, and never by who brought it', async () => {
  const database = await testDatabase(testConfig())
  const one = await register(database, modelFolder('models/default'), { by: 'assay', reason: 'ships' })
  expect(await register(database, modelFolder('models/default'), ana)).toBe(one)
  expect(await fails(rollback(database, ben))).toBe('champion_before_missing')
  const others = [
    await register(database, modelFolder(await shiftedModel(1)), ana),
    await register(database, modelFolder(await shiftedModel(2)), ana),
  ]
  expect(await fails(promote(database, others[0], { ...ben, by: 'ana', insteadOf: one }))).toBe('second_person_needed')
  expect(await fails(promote(database, 99, { ...ben, insteadOf: one }))).toBe('model_unknown')
  const results = await Promise.all(others.map((version) => fails(promote(database, version, { ...ben, insteadOf: one }))))
  expect(results.toSorted()).toEqual(['champion_changed', 'done'])
  const champion = (await championOf(database)) as number
  expect(champion).toBe(others[results.indexOf('done')])
  expect(Object.values(await statesOf(database)).filter((state) => state === 'champion')).toHaveLength(1)
  expect(await fails(promote(database, champion, { ...ben, insteadOf: champion }))).toBe('champion_already')
  expect(await fails(retire(database, champion, ben))).toBe('champion_in_use')
  await retire(database, others[results.indexOf('champion_changed')], ben)
})

test('three models are in shadow at most, one is canary, never by who brought it, and both can be taken back', async () => {
  const database = await testDatabase(testConfig())
  await register(database, modelFolder('models/default'), { by: 'assay', reason: 'ships' })
  for (let shift = 1; shift <= 4; shift++) await register(database, modelFolder(await shiftedModel(shift)), ana)
  const results = await Promise.all([2, 3, 4, 5].map((version) => fails(shadow(database, version, ana))))
  expect(results.toSorted()).toEqual(['done', 'done', 'done', 'shadow_full'])
  const [left] = results.flatMap((result, i) => (result === 'done' ? [] : [i + 2]))
  const there = [2, 3, 4, 5].filter((version) => version !== left)
  expect(await fails(shadow(database, there[0], ana))).toBe('shadow_already')
  expect(await fails(shadow(database, 1, ana))).toBe('champion_in_use')
  expect(await fails(canary(database, 1, 0.1, ben))).toBe('champion_in_use')
  expect(await fails(canary(database, left, 0.1, { ...ben, by: 'ana' }))).toBe('second_person_needed')
  for (const share of [0, 0.6, Number.NaN]) expect(await fails(canary(database, left, share, ben))).toBe('share_invalid')
  await canary(database, left, 0.1, ben)
  expect(await fails(canary(database, there[0], 0.1, ben))).toBe('canary_taken')
  await canary(database, left, 0.2, ben)
  expect(await scoringVersions(database)).toContainEqual({ version: left, state: 'canary', share: 0.2 })
  expect((await scoringVersions(database)).map(({ version }) => version)).toEqual([1, 2, 3, 4, 5])
  await promote(database, left, { ...ben, insteadOf: 1 })
  expect(await scoringVersions(database)).toContainEqual({ version: left, state: 'champion', share: null })
  for (const version of there) await withdraw(database, version, ben)
  expect(await statesOf(database)).toEqual({ 1: 'retired', [left]: 'champion', ...Object.fromEntries(there.map((v) => [v, 'candidate'])) })
  expect(await fails(withdraw(database, there[0], ben))).toBe('no_challenger')
})

test('the bytes that come out of the registry are those that went in, and score the same', async () => {
  const database = await testDatabase(testConfig())
  const folder = await shiftedModel(1)
  const version = await register(database, modelFolder(folder), ana)
  const source = await registeredModel(database, version)
  for (const file of ['manifest.json', 'model.json', 'weights.bin'])
    expect(await source.read(file)).toEqual(await modelFolder(folder).read(file))
  const vector = new Float32Array(200).fill(1)
  const [a, c] = [await loadScorer(folder, { backend: 'wasm' }), await loadScorer(source, { backend: 'wasm' })]
  expect(c.score(vector, 1)).toEqual(a.score(vector, 1))
  for (const scorer of [a, c]) scorer.stop()
})
