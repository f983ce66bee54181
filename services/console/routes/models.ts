/** The registry of models: which versions there are, how good they are, which one decides, and who changes that. */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { BackendName } from '../../../models/backend.ts'
import { comparisonOf } from '../../../models/comparison.ts'
import { mustBeUsable } from '../../../models/usable.ts'
import type { Database } from '../../shared/database.ts'
import {
  canary,
  promote,
  readHistory,
  readVersion,
  readVersions,
  registeredModel,
  retire,
  rollback,
  shadow,
  withdraw,
} from '../../shared/models.ts'
import { mustSeeModels, mustTendModels } from '../access.ts'
import type { ModelDetail, ModelList } from '../models/api.ts'
import { detailOf, registered, rowOf } from '../models/rows.ts'
import { agreementRoutes } from './agreement.ts'
import { modelFileRoutes } from './model-files.ts'

const Version = Type.String({ pattern: '^[1-9]\\d{0,8}$', description: 'The number of a model' })
const Place = Type.Object({ version: Version }, { additionalProperties: false })
const Two = Type.Object({ a: Version, b: Version }, { additionalProperties: false })
const reason = Type.String({ minLength: 1, maxLength: 2000, pattern: '\\S', description: 'Why; it is kept' })
const Because = Type.Object({ reason }, { additionalProperties: false })
const insteadOf = Type.Integer({ minimum: 1, description: 'The champion that the person saw; another one by now is champion_changed' })
const Rollback = Type.Object({ reason, insteadOf }, { additionalProperties: false })
const Promotion = Type.Object({ reason, insteadOf: Type.Union([insteadOf, Type.Null()]) }, { additionalProperties: false })

const share = Type.Number({ exclusiveMinimum: 0, maximum: 0.5, description: 'Of the customers for whom it decides' })
const Canary = Type.Object({ reason, share }, { additionalProperties: false })

type Place = { Params: Type.Static<typeof Place> }

/** /api/models. `backend` is that of the process, by which a model is tried before it decides. */
export function modelRoutes(database: Database, backend: 'auto' | BackendName) {
  return async function routes(app: FastifyInstance): Promise<void> {
    await app.register(modelFileRoutes(database, backend))
    await app.register(agreementRoutes(database))

    app.get('/api/models', async ({ user }): Promise<ModelList> => {
      mustSeeModels(user)
      const [versions, history] = [await readVersions(database), await readHistory(database)]
      const champion = versions.find(({ state }) => state === 'champion')?.version ?? null
      const before = history.find((change) => change.state === 'champion' && change.version !== champion)?.version ?? null
      return { champion, before, models: versions.map((version) => rowOf(version, history)) }
    })

    app.get<{ Querystring: Type.Static<typeof Two> }>(
      '/api/models/compare',
      { schema: { querystring: Two } },
      async ({ user, query: { a, b } }) => {
        mustSeeModels(user)
        const [first, second] = [await readVersion(database, Number(a)), await readVersion(database, Number(b))]
        return comparisonOf(registered(first), registered(second))
      },
    )

    app.get<Place>('/api/models/:version', { schema: { params: Place } }, async ({ user, params }): Promise<ModelDetail> => {
      mustSeeModels(user)
      const version = await readVersion(database, Number(params.version))
      return detailOf(version, await readHistory(database, version.version))
    })

    app.post<Place & { Body: Type.Static<typeof Promotion> }>(
      '/api/models/:version/promote',
      { schema: { params: Place, body: Promotion } },
      async ({ user, params, body, log }) => {
        mustTendModels(user)
        const version = Number(params.version)
        // What a detector could not load must not become champion.
        await mustBeUsable(await registeredModel(database, version), backend)
        const before = body.insteadOf ?? undefined
        await promote(database, version, { by: user.name, reason: body.reason, insteadOf: before, secondPerson: true })
        log.info({ version, before, user: user.name }, 'promoted a model')
        return { champion: version, before: before ?? null }
      },
    )

    app.post<Place & { Body: Type.Static<typeof Because> }>(
      '/api/models/:version/shadow',
      { schema: { params: Place, body: Because } },
      async ({ user, params, body }, reply) => {
        mustTendModels(user)
        const version = Number(params.version)
        await mustBeUsable(await registeredModel(database, version), backend)
        await shadow(database, version, { by: user.name, reason: body.reason })
        return reply.code(204).send()
      },
    )

    app.post<Place & { Body: Type.Static<typeof Canary> }>(
      '/api/models/:version/canary',
      { schema: { params: Place, body: Canary } },
      async ({ user, params, body, log }, reply) => {
        mustTendModels(user)
        const version = Number(params.version)
        await mustBeUsable(await registeredModel(database, version), backend)
        await canary(database, version, body.share, { by: user.name, reason: body.reason, secondPerson: true })
        log.info({ version, share: body.share, user: user.name }, 'made a model canary')
        return reply.code(204).send()
      },
    )

    app.post<Place & { Body: Type.Static<typeof Because> }>(
      '/api/models/:version/withdraw',
      { schema: { params: Place, body: Because } },
      async ({ user, params, body }, reply) => {
        mustTendModels(user)
        await withdraw(database, Number(params.version), { by: user.name, reason: body.reason })
        return reply.code(204).send()
      },
    )

    app.post<{ Body: Type.Static<typeof Rollback> }>(
      '/api/models/rollback',
      { schema: { body: Rollback } },
      async ({ user, body, log }) => {
        mustTendModels(user)
        const champion = await rollback(database, { by: user.name, ...body })
        log.info({ champion, before: body.insteadOf, user: user.name }, 'rolled a model back')
        return { champion, before: body.insteadOf }
      },
    )

    app.post<Place & { Body: Type.Static<typeof Because> }>(
      '/api/models/:version/retire',
      { schema: { params: Place, body: Because } },
      async ({ user, params, body }, reply) => {
        mustTendModels(user)
        await retire(database, Number(params.version), { by: user.name, reason: body.reason })
        return reply.code(204).send()
      },
    )
  }
}
