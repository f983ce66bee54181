/** The registry of models over HTTP: who may look, who may change, and that of two changes at once one wins. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { modelFolder } from '../../models/artefact.ts'
import { plots } from '../../models/evaluation/plots.ts'
import { featureSetHash } from '../../models/fold/features.ts'
import type { Agreement, Comparison, ModelDetail, ModelList } from '../../services/console/models/api.ts'
import { pack, unpack } from '../../services/console/models/tar.ts'
import { createConsole } from '../../services/console/service.ts'
import { addUser, type Role } from '../../services/console/users.ts'
import { insertDecided, prepareForWriting } from '../../services/detector/record/insert.ts'
import { register } from '../../services/shared/tidb/model-changes.ts'
import { encodeChallengers } from '../../services/shared/tidb/row-bytes.ts'
import type { TrainingRun } from '../../services/shared/tidb/training-runs.ts'
import { type Bank, bank } from '../helpers/bank.ts'
import { decided } from '../helpers/decided.ts'
import { caller, login } from '../helpers/desk.ts'
import { shiftedModel } from '../helpers/models.ts'
import { testTelemetry } from '../helpers/servers.ts'
import { transaction } from '../helpers/transactions.ts'

const password = 'a password of theirs'
const parts = ['manifest.json', 'model.json', 'weights.bin']
const why = { reason: 'better on March' }

type Answer<T> = { status: number; body: T & { code?: string; detail?: string } }

/** A console beside a registry with the shipped model as champion. `as` logs somebody in and calls for them. */
async function desk() {
  const b: Bank = await bank()
  await register(b.database, modelFolder('models/default'), { by: 'assay', reason: 'ships' })
  const service = createConsole(b.config, testTelemetry())
  onTestFinished(() => service.stop())
  await service.start()
  const url = service.url()
  const as = async (name: string, role: Role, tenant: string | null = null) => {
    await addUser(b.database, { name, role, tenant, password })
    const cookie = await login(url, name, password)
    return async <T = object>(method: string, path: string, body?: unknown): Promise<Answer<T>> => {
      const response = await caller(url)(method, `/api/models${path}`, { cookie, ...(body === undefined ? {} : { body }) })
      return { status: response.status, body: (response.status === 204 ? {} : await response.json()) as Answer<T>['body'] }
    }
  }
  const bring = async (shift: number, by: string) => register(b.database, modelFolder(await shiftedModel(shift)), { by, reason: 'trained' })
  return { b, url, as, bring }
}

const archiveOf = (folder: string, change: (name: string, bytes: Buffer) => Buffer = (_, bytes) => bytes) =>
  pack(new Map(parts.map((name) => [name, change(name, readFileSync(join(folder, name)))])))

const send = (url: string, cookie: string, archive: Buffer, type = 'application/x-tar') =>
  fetch(`${url}/api/models/import?reason=trained`, {
    method: 'POST',
    headers: { cookie, 'content-type': type },
    body: new Uint8Array(archive),
  })

test('a version is told with its figures, card and history, and beside another one', async () => {
  const { as, bring } = await desk()
  const two = await bring(1, 'ana')
  const ask = await as('ben', 'analyst')
  const { body: list } = await ask<ModelList>('GET', '')
  expect([list.champion, list.before]).toEqual([1, null])
  expect(list.models.map((m) => [m.version, m.name, m.state, m.by, m.sinceBy, m.reason])).toEqual([
    [two, 'shifted-1', 'candidate', 'ana', 'ana', 'trained'],
    [1, 'default', 'champion', 'assay', 'assay', 'ships'],
  ])
  const { body: one } = await ask<ModelDetail>('GET', '/1')
  expect(one.manifest.featureSet).toBe(featureSetHash)
  expect(one.card).toContain('# Model card: default')
  expect(one.history).toMatchObject([{ version: 1, state: 'champion', actor: 'assay', reason: 'ships' }])
  expect(list.models[1].figures).toEqual(one.manifest.figures)
  const { body: both } = await ask<Comparison>('GET', `/compare?a=1&b=${two}`)
  expect([both.sameData, both.versions.map((v) => v.version), both.differences.auc]).toEqual([true, [1, two], 0])
  expect((await ask('GET', '/99')).body.code).toBe('model_unknown')
  expect((await ask('GET', '/compare?a=1&b=99')).status).toBe(404)
  for (const path of ['/0', '/1x', '/compare?a=1', '/compare?a=1&b=-1'])
    expect([path, (await ask('GET', path)).status]).toEqual([path, 400])
})

test('who sees one bank only is told nothing of models, and who has another role looks but changes nothing', async () => {
  const { b, as, bring, url } = await desk()
  const two = await bring(1, 'ana')
  const changes = [
    [`/${two}/promote`, { ...why, insteadOf: 1 }],
    ['/rollback', { ...why, insteadOf: 1 }],
    [`/${two}/retire`, why],
    [`/${two}/shadow`, why],
    [`/${two}/canary`, { ...why, share: 0.1 }],
    [`/${two}/withdraw`, why],
  ] as const
  const ofOneBank = await as('mia', 'manager', b.name)
  for (const path of ['', '/1', `/compare?a=1&b=${two}`, '/1/export'])
    expect((await ofOneBank('GET', path)).body.code).toBe('all_banks_only')
  for (const [path, body] of changes) expect((await ofOneBank('POST', path, body)).body.code).toBe('all_banks_only')
  for (const role of ['analyst', 'lead'] as const) {
    const ask = await as(`a-${role}`, role)
    expect((await ask('GET', '')).status).toBe(200)
    for (const [path, body] of changes)
      expect([role, path, (await ask('POST', path, body)).body.code]).toEqual([role, path, 'role_too_low'])
    const cookie = await login(url, `a-${role}`, password)
    expect((await send(url, cookie, archiveOf('models/default'))).status).toBe(403)
  }
  expect((await caller(url)('GET', '/api/models')).status).toBe(401)
  const scientist = await as('sam', 'scientist')
  expect((await scientist<ModelList>('GET', '')).body.champion).toBe(1)
})

test('somebody else than who brought a model promotes it, rolls back and retires it, and each change is kept with its reason', async () => {
  const { as, bring } = await desk()
  const two = await bring(1, 'ana')
  const [ana, ben] = [await as('ana', 'scientist'), await as('ben', 'manager')]
  const own = await ana('POST', `/${two}/promote`, { ...why, insteadOf: 1 })
  expect([own.status, own.body.code]).toEqual([403, 'second_person_needed'])
  for (const body of [{ insteadOf: 1 }, { reason: ' ', insteadOf: 1 }, why, { ...why, insteadOf: 1, secondPerson: false }])
    expect((await ben('POST', `/${two}/promote`, body)).status).toBe(400)
  expect(await ben('POST', `/${two}/promote`, { ...why, insteadOf: 1 })).toEqual({ status: 200, body: { champion: two, before: 1 } })
  expect((await ben('POST', `/${two}/promote`, { ...why, insteadOf: two })).body.code).toBe('champion_already')
  expect((await ben('POST', `/${two}/retire`, why)).body.code).toBe('champion_in_use')
  const back = { reason: 'too many alerts', insteadOf: two }
  expect(await ana('POST', '/rollback', back)).toEqual({ status: 200, body: { champion: 1, before: two } })
  const twice = await ben('POST', '/rollback', back)
  expect([twice.status, twice.body.code]).toEqual([409, 'champion_changed'])
  expect((await ben('POST', `/${two}/retire`, why)).status).toBe(204)
  const { body } = await ben<ModelDetail>('GET', `/${two}`)
  expect(body.history.map((h) => `${h.state} ${h.actor}: ${h.reason}`)).toEqual(
    expect.arrayContaining(['champion ben: better on March', 'retired ana: too many alerts', 'retired ben: better on March']),
  )
})

test('a model is put in shadow, made canary by a second person for a share, and withdrawn', async () => {
  const { as, bring } = await desk()
  const two = await bring(1, 'ana')
  const [ana, ben] = [await as('ana', 'scientist'), await as('ben', 'manager')]
  const stateOf = async () => {
    const { body } = await ben<ModelList>('GET', '')
    return body.models.map(({ state, share }) => [state, share])[0]
  }
  expect((await ana('POST', `/${two}/withdraw`, why)).body.code).toBe('no_challenger')
  expect((await ana('POST', `/${two}/shadow`, why)).status).toBe(204)
  expect(await stateOf()).toEqual(['shadow', null])
  expect((await ana('POST', `/${two}/shadow`, why)).body.code).toBe('shadow_already')
  expect((await ana('POST', `/${two}/canary`, { ...why, share: 0.1 })).body.code).toBe('second_person_needed')
  for (const share of [0, 0.6, '0.1', null]) expect((await ben('POST', `/${two}/canary`, { ...why, share })).status).toBe(400)
  expect((await ben('POST', `/${two}/canary`, { ...why, share: 0.1 })).status).toBe(204)
  expect(await stateOf()).toEqual(['canary', 0.1])
  expect((await ben('POST', `/${two}/withdraw`, why)).status).toBe(204)
  expect(await stateOf()).toEqual(['candidate', null])
  expect((await ben('POST', '/1/shadow', why)).body.code).toBe('champion_in_use')
})

test('a challenger is held against the champion on what both scored for a bank', async () => {
  const { b, as, bring } = await desk()
  const two = await bring(1, 'ana')
  const ask = await as('ben', 'analyst')
  const path = `/agreement?tenant=${b.name}&a=1&b=${two}`
  expect((await ask('GET', path)).body.code).toBe('never_together')
  const connection = await b.database.connect()
  onTestFinished(() => connection.destroy())
  await prepareForWriting(connection)
  const now = Date.now()
  const scores = [
    [0.9, 0.8],
    [0.5, 0.1],
    [0.1, 0.2],
  ]
  const rows = scores.map(([one, other], i) =>
    decided(transaction(b.name, { id: `t-${i}`, time: new Date(now - 1000 * (i + 1)).toISOString() }), i, {
      score: one,
      model: 1,
      challengers: encodeChallengers([{ version: two, scores: [other] }], 0),
    }),
  )
  await insertDecided(connection, rows, Buffer.from(featureSetHash, 'hex'))
  await connection.query('COMMIT')
  const { status, body } = await ask<Agreement>('GET', path)
  expect([status, body.rows, body.atThresholds.both.rows, body.atThresholds.onlyA.rows, body.atThresholds.onlyB.rows]).toEqual([
    200, 3, 1, 1, 0,
  ])
  expect(body.disagreements).toMatchObject([{ id: 't-1', a: 0.5, b: 0.1, label: 'unknown' }])
  for (const wrong of ['&days=31', '&days=0', '&days=x', '&c=3']) expect((await ask('GET', path + wrong)).status).toBe(400)
  expect((await ask('GET', `/agreement?tenant=no-bank&a=1&b=${two}`)).body.code).toBe('tenant_unknown')
  const ofOneBank = await as('mia', 'manager', b.name)
  expect((await ofOneBank('GET', path)).body.code).toBe('all_banks_only')
})

test('of two promotions at once one wins, and the other is told that the champion has changed', async () => {
  const { as, bring } = await desk()
  const others = [await bring(1, 'ana'), await bring(2, 'ana')]
  const [ben, eve] = [await as('ben', 'manager'), await as('eve', 'admin')]
  const answers = await Promise.all([ben, eve].map((ask, i) => ask('POST', `/${others[i]}/promote`, { ...why, insteadOf: 1 })))
  expect(answers.map((a) => a.status).toSorted()).toEqual([200, 409])
  const lost = answers.find((a) => a.status === 409)
  expect(lost?.body.code).toBe('champion_changed')
  const { body } = await ben<ModelList>('GET', '')
  expect(body.champion).toBe(others[answers.findIndex((a) => a.status === 200)])
})

test('what export gives is the model byte for byte, and is taken in again', async () => {
  const { b, as, url } = await desk()
  const ana = await as('ana', 'scientist')
  const folder = await shiftedModel(1)
  const cookie = await login(url, 'ana', password)
  const taken = await send(url, cookie, archiveOf(folder))
  expect([taken.status, await taken.json()]).toEqual([201, { version: 2, state: 'candidate' }])
  const answer = await caller(url)('GET', '/api/models/2/export', { cookie })
  expect(answer.headers.get('content-disposition')).toBe('attachment; filename="model-2.tar"')
  const archive = Buffer.from(await answer.arrayBuffer())
  const files = unpack(archive)
  expect([...files.keys()]).toEqual([...parts, 'MODEL_CARD.md', ...Object.keys(plots).map((name) => `${name}.svg`)])
  for (const name of parts) expect(files.get(name)).toEqual(readFileSync(join(folder, name)))
  expect([(await send(url, cookie, archive)).status, (await ana<ModelList>('GET', '')).body.models.length]).toEqual([201, 2])
  await b.database.execute("UPDATE models SET artefact = REPLACE(artefact, 'A', 'B') WHERE version = 2")
  const ben = await as('ben', 'manager')
  for (const refused of [await ana('GET', '/2/export'), await ben('POST', '/2/promote', { ...why, insteadOf: 1 })])
    expect([refused.status, refused.body.code]).toEqual([422, 'model_corrupt'])
  expect((await ana<ModelList>('GET', '')).body.champion).toBe(1)
})

test('what is not a model, was tampered with, was made for other features or is too large stays out of the registry', async () => {
  const { as, url } = await desk()
  const ana = await as('ana', 'scientist')
  const cookie = await login(url, 'ana', password)
  const folder = await shiftedModel(1)
  const changed = (of: string, change: (text: string) => string) =>
    archiveOf(folder, (name, bytes) => (name === of ? Buffer.from(change(bytes.toString('latin1')), 'latin1') : bytes))
  const otherFeatures = await shiftedModel(1, (manifest) => {
    manifest.featureSet = '0123456789abcdef'
  })
  const noFigures = await shiftedModel(1, (manifest) => {
    manifest.figures = { ...manifest.figures, network: {} as never }
  })
  const noParts = await shiftedModel(1, (manifest) => {
    manifest.judgement = {} as never
  })
  const notFinite = await shiftedModel(Number.NaN)
  const answers = [
    [archiveOf(folder).subarray(0, 5000), 400, 'archive_unreadable'],
    [Buffer.from('not a tar at all'.repeat(100)), 400, 'archive_unreadable'],
    [pack(new Map([['readme', Buffer.from('hello')]])), 422, 'model_corrupt'],
    [changed('weights.bin', (bytes) => `${bytes.slice(0, -1)}x`), 422, 'model_corrupt'],
    [changed('manifest.json', (text) => text.slice(1)), 422, 'model_corrupt'],
    [archiveOf(noFigures), 422, 'model_corrupt'],
    [archiveOf(noParts), 422, 'model_corrupt'],
    [archiveOf(notFinite), 422, 'model_corrupt'],
    [archiveOf(otherFeatures), 422, 'model_misfit'],
    [Buffer.alloc(16 * 1024 * 1024 + 1), 413, 'request_invalid'],
  ] as const
  for (const [archive, status, code] of answers) {
    const answer = await send(url, cookie, archive)
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code])
  }
  expect((await send(url, cookie, archiveOf(folder), 'application/octet-stream')).status).toBe(415)
  expect((await send(url, cookie, Buffer.from('{}'), 'application/json')).status).toBe(415)
  expect((await ana<ModelList>('GET', '')).body.models.map((m) => m.version)).toEqual([1])
})

test('training is asked for by who may change models, and once at a time for the same banks', async () => {
  const { b, url, as } = await desk()
  await as('sam', 'scientist')
  await as('ada', 'analyst')
  const [sam, ada] = [await login(url, 'sam', password), await login(url, 'ada', password)]
  const ask = async (method: string, cookie: string, body?: unknown) => {
    const response = await caller(url)(method, '/api/training-runs', { cookie, ...(body === undefined ? {} : { body }) })
    return { status: response.status, body: (await response.json()) as { id: string; asked: boolean; code: string; runs: TrainingRun[] } }
  }
  expect((await ask('GET', sam)).body.runs).toEqual([])
  expect((await ask('POST', ada, why)).body.code).toBe('role_too_low')
  expect((await ask('POST', sam, { reason: ' ' })).status).toBe(400)
  expect((await ask('POST', sam, { ...why, tenants: ['no-bank'] })).body.code).toBe('tenant_unknown')
  const [first, second] = [await ask('POST', sam, why), await ask('POST', sam, why)]
  expect([first.status, first.body.asked, second.status, second.body]).toEqual([202, true, 200, { id: first.body.id, asked: false }])
  const { runs } = (await ask('GET', ada)).body
  expect(runs).toMatchObject([{ id: first.body.id, by: 'sam', trigger: 'hand', reason: why.reason, tenants: [b.name], state: 'waiting' }])
  const one = await caller(url)('GET', `/api/training-runs/${first.body.id}`, { cookie: ada })
  expect(await one.json()).toEqual(runs[0])
  expect((await caller(url)('GET', `/api/training-runs/${'0'.repeat(32)}`, { cookie: ada })).status).toBe(404)
})
