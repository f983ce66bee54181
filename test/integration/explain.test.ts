/** `npm run assay -- explain` and the console's answer: why a recorded decision came out as it did. */
import { expect, onTestFinished, test } from 'vitest'
import { modelFolder } from '../../models/artefact.ts'
import { featureSetHash, width } from '../../models/fold/features.ts'
import { packVector } from '../../models/fold/vector-bytes.ts'
import { createExplainDecision } from '../../models/reasons/decision.ts'
import { loadScorer } from '../../models/scorer.ts'
import { createConsole } from '../../services/console/service.ts'
import { addUser } from '../../services/console/users.ts'
import { insertDecided, prepareForWriting } from '../../services/detector/record/insert.ts'
import { actions } from '../../services/shared/events.ts'
import { register } from '../../services/shared/tidb/model-changes.ts'
import { type Bank, bank } from '../helpers/bank.ts'
import { decided } from '../helpers/decided.ts'
import { caller, login } from '../helpers/desk.ts'
import { testTelemetry, testTenant } from '../helpers/servers.ts'
import { transaction } from '../helpers/transactions.ts'
import { someVectors } from '../helpers/vectors.ts'

/** Transactions with the given vectors, scored and explained by the shipped model; the last, of another version of the features. */
async function decidedBank(): Promise<{ b: Bank; model: number; rows: ReturnType<typeof decided>[] }> {
  const b = await bank()
  const model = await register(b.database, modelFolder('models/default'), { by: 'ana', reason: 'ships' })
  const count = 300
  const vectors = someVectors(count)
  const scorer = await loadScorer('models/default', { backend: 'wasm' })
  onTestFinished(() => scorer.stop())
  const scores = scorer.score(vectors, count)
  const rows = scorer
    .explain(
      vectors,
      Array.from({ length: count }, (_, i) => i),
    )
    .map(({ reasons }, i) => {
      const { challenge, review } = b.tenant.settings.thresholds
      const action = scores[i] >= review ? 'review' : scores[i] >= challenge ? 'challenge' : 'approve'
      return decided(transaction(b.name, { id: `t-${i}` }), i, {
        score: Math.round(scores[i] * 1e6) / 1e6,
        action: actions.indexOf(action),
        alert: action === 'review',
        features: packVector(vectors, i * width, width),
        reasons: action === 'approve' ? [] : reasons,
        model: i === 1 ? model + 7 : model,
      })
    })
  const connection = await b.database.connect()
  onTestFinished(() => connection.destroy())
  await prepareForWriting(connection)
  await insertDecided(connection, rows.slice(0, -1), Buffer.from(featureSetHash, 'hex'))
  await insertDecided(connection, rows.slice(-1), Buffer.alloc(featureSetHash.length / 2))
  await connection.query('COMMIT')
  return { b, model, rows: rows.slice(0, -1).filter((_, i) => i !== 1) }
}

test('a decision is explained from its row and its model: recorded reasons come out again, and approved ones have some, too', async () => {
  const { b, model, rows } = await decidedBank()
  const explain = createExplainDecision(b.database)
  const told = rows.find((r) => r.reasons.length > 1)
  const approved = rows.find((r) => r.action === actions.indexOf('approve'))
  if (!told || !approved) throw new Error('the vectors have both')

  const raised = await explain(b.name, told.id)
  expect(raised).toMatchObject({
    score: told.score,
    action: actions[told.action],
    thresholds: b.tenant.settings.thresholds,
    model,
    settings: 1,
  })
  expect(raised.recorded).toEqual(told.reasons)
  expect(raised.reasons.map(({ features: _, ...reason }) => reason)).toEqual(told.reasons)
  expect(Math.abs(raised.computed.score - told.score)).toBeLessThan(1e-3)
  for (const { features } of raised.reasons) {
    expect(features.length).toBeGreaterThan(0)
    expect(features.every((f) => f.value !== f.usual)).toBe(true)
  }

  const quiet = await explain(b.name, approved.id)
  expect(quiet).toMatchObject({ action: 'approve', recorded: [], score: approved.score })
  expect(quiet.reasons.length + quiet.lowered.length).toBeGreaterThan(0)

  await expect(explain(b.name, 'nobody')).rejects.toMatchObject({ code: 'decision_unknown' })
  await expect(explain(b.name, 't-1')).rejects.toThrow(`Model ${model + 7}, which decided t-1, cannot explain it any more`)
  await expect(explain(b.name, 't-299')).rejects.toMatchObject({ code: 'features_differ' })
  await b.database.execute('UPDATE transactions SET features = ? WHERE tenant = ? AND id = ?', [Buffer.alloc(80), b.name, approved.id])
  await expect(explain(b.name, approved.id)).rejects.toMatchObject({ code: 'features_damaged' })
  await b.database.execute('UPDATE models SET artefact = ? WHERE version = ?', [Buffer.from('{}'), model])
  await expect(createExplainDecision(b.database)(b.name, told.id)).rejects.toMatchObject({ code: 'model_corrupt' })
})

test('an analyst gets it from the console, of the own bank alone', async () => {
  const { b, rows } = await decidedBank()
  const service = createConsole(b.config, testTelemetry())
  onTestFinished(() => service.stop())
  await service.start()
  const password = 'a password of theirs'
  await addUser(b.database, { name: 'ada', role: 'analyst', tenant: b.name, password })
  const other = await testTenant(b.database, b.bus)
  await addUser(b.database, { name: 'eve', role: 'analyst', tenant: other.tenant, password })
  const call = caller(service.url())
  const path = `/api/decisions/${b.name}/${rows[0].id}/explanation`
  expect((await call('GET', path)).status).toBe(401)
  const answer = await call('GET', path, { cookie: await login(service.url(), 'ada', password) })
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ transaction: rows[0].id, score: rows[0].score })
  expect((await call('GET', path, { cookie: await login(service.url(), 'eve', password) })).status).toBe(404)
})
