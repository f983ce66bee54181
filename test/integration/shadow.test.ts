/** Models in shadow: they score what the champion decides, and change nothing. */
import { expect, test } from 'vitest'
import { readTopic } from '../../infra/read-topic.ts'
import { differences, verify } from '../../infra/verify.ts'
import { type Manifest, modelFolder } from '../../models/artefact.ts'
import { agreementOf } from '../../models/evaluation/agreement.ts'
import { type Decision, tenantTopic } from '../../services/shared/events.ts'
import { canary, register, shadow, withdraw } from '../../services/shared/tidb/model-changes.ts'
import { decodeChallengers } from '../../services/shared/tidb/row-bytes.ts'
import { type Bank, bank, detector, rows } from '../helpers/bank.ts'
import { brokenModel, shiftedModel } from '../helpers/models.ts'
import { eventually, unique } from '../helpers/servers.ts'
import { record, transaction } from '../helpers/transactions.ts'

const ana = { by: 'ana', reason: 'trained' }
const always = { from: 0, to: Date.now() + 86_400_000 }

type Row = { id: string; score: number; action: number; alert: number; model: number; challengers: Buffer | null }
const rowsOf = (b: Bank) =>
  rows<Row>(b, 'SELECT id, score, action, alert, model, challengers FROM transactions WHERE tenant = ? ORDER BY log_offset, part')

async function send(b: Bank, prefix: string, many: number): Promise<Row[]> {
  const records = Array.from({ length: many }, (_, i) =>
    record(transaction(b.name, { id: `${prefix}-${i}`, customer: `c-${i % 40}`, instrument: `card-${i % 40}`, amount: 100 + 997 * i })),
  )
  await b.bus.send(records)
  return eventually(`the rows of ${prefix}`, async () => {
    const found = (await rowsOf(b)).filter(({ id }) => id.startsWith(`${prefix}-`))
    return found.length === many && found
  })
}
const versionsIn = (row: Row) => decodeChallengers(row.challengers).map(({ version }) => version)
/** Sends until rows have what these models scored, and none beside them. */
const until = (b: Bank, wanted: number[]) => {
  let turn = 0
  return eventually(`rows with ${wanted.join(' and ') || 'none'}`, async () => {
    const [row] = await send(b, `until-${wanted.join('-')}-${turn++}`, 1)
    return String(versionsIn(row)) === String(wanted)
  })
}
const logit = (p: number) => Math.log(p / (1 - p))

test('models in shadow score every row of the champion, their scores are recorded, and no decision tells of them', async () => {
  const b = await bank()
  const service = await detector(b.config)
  const before = await send(b, 'before', 120)
  expect(before.every((row) => decodeChallengers(row.challengers).length === 0)).toBe(true)
  for (const shift of [-2, 3]) await shadow(b.database, await register(b.database, modelFolder(await shiftedModel(shift)), ana), ana)
  await until(b, [2, 3])
  const during = await send(b, 'during', 120)
  for (const row of during) {
    expect([row.id, row.model, versionsIn(row)]).toEqual([row.id, 1, [2, 3]])
    const [lower, higher] = decodeChallengers(row.challengers)
    // To six places a score of 0.0001 is known to half a percent.
    if (row.score < 1e-4 || row.score > 0.9) continue
    expect(logit(higher.score) - logit(row.score)).toBeCloseTo(3, 1)
    if (lower.score > 1e-4) expect(logit(lower.score) - logit(row.score)).toBeCloseTo(-2, 1)
  }
  expect(during.some(({ score }) => score > 1e-4 && score < 0.9)).toBe(true)

  // Rows are there before their decisions are on the topic.
  const decisions = await eventually('all decisions', async () => {
    const found = new Map<string, Decision & Record<string, unknown>>()
    await readTopic(b.bus, tenantTopic(b.name, 'decisions'), unique('reader-'), (r) => {
      const decision = JSON.parse((r.value as Buffer).toString()) as Decision & Record<string, unknown>
      found.set(decision.id, decision)
    })
    return during.every(({ id }) => found.has(id)) && found
  })
  const [one, other] = [decisions.get('before-7'), decisions.get('during-7')]
  expect(Object.keys(other ?? {})).toEqual(Object.keys(one ?? {}))
  for (const { id, score } of during) expect(decisions.get(id)).toMatchObject({ score, model: 1 })

  const found = await agreementOf(b.database, { tenant: b.name, a: 1, b: 3 })
  expect(found.rows).toBeGreaterThanOrEqual(during.length)
  expect(found.meanB).toBeGreaterThan(found.meanA)

  // What was scored in shadow is recomputed too.
  const checked = await verify(b.database, { ...always, tenant: b.name })
  expect(differences(checked)).toBe(0)
  await b.database.execute(
    "UPDATE transactions SET challengers = CONCAT(SUBSTRING(challengers, 1, 4), UNHEX('3FE0000000000000'), SUBSTRING(challengers, 13)) WHERE tenant = ? AND id = 'during-5'",
    [b.name],
  )
  expect(await verify(b.database, { ...always, tenant: b.name })).toMatchObject({
    scoresDiffering: 1,
    ids: ['during-5'],
    actionsDiffering: 0,
  })

  await withdraw(b.database, 2, ana)
  await until(b, [3])
  expect(service.health().problems).toEqual([])
})

test('a model beside the champion that is damaged, of other features or gives no number is left out and told of, and the champion decides', async () => {
  const b = await bank()
  const service = await detector(b.config)
  let turn = 0
  const otherFeatures = (manifest: Manifest) => {
    manifest.featureSet = '0123456789abcdef'
  }
  const folders = [await shiftedModel(1), await shiftedModel(2, otherFeatures), await shiftedModel(Number.NaN), await shiftedModel(4)]
  for (const folder of folders) await register(b.database, modelFolder(folder), ana)
  await b.database.execute("UPDATE models SET artefact = REPLACE(artefact, 'A', 'B') WHERE version = 2")
  await canary(b.database, 2, 0.5, { by: 'ben', reason: 'to see', secondPerson: true })
  for (const version of [3, 4, 5]) await shadow(b.database, version, ana)
  await until(b, [5])
  const { ready, problems } = service.health()
  expect(ready).toBe(true)
  expect(problems).toHaveLength(2)
  expect(problems.join('\n')).toMatch(/model 2 cannot be used, it is left out of canary: .*not those that were registered/)
  expect(problems.join('\n')).toMatch(/model 3 cannot be used, it is left out of shadow: .*trained on other features/)
  const during = await send(b, 'during', 50)
  expect(during.every((row) => row.model === 1 && String(versionsIn(row)) === '5')).toBe(true)
  for (const version of [2, 3]) await withdraw(b.database, version, ana)
  await eventually('nothing to tell', () => service.health().problems.length === 0)
  const broken = await register(b.database, modelFolder(await brokenModel()), ana)
  await shadow(b.database, broken, ana)
  await eventually('it is told of', async () => {
    await send(b, `broken-${turn++}`, 1)
    return /model 6 cannot be used, it is left out of shadow: it cannot score/.test(service.health().problems.join())
  })
  const after = await send(b, 'after', 50)
  expect(after.every((row) => row.model === 1 && String(versionsIn(row)) === '5')).toBe(true)
})
