/** The registry of models: which versions there are, how good they are, which one decides, and who changes that. */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { BackendName } from '../../../models/backend.ts'
import { comparisonOf } from '../../../models/comparison.ts'
import { mustBeUsable } from '../../../models/usable.ts'
import type { Database } from '../../shared/tidb/database.ts'
import { type Because, canary, promote, retire, rollback, shadow, withdraw } from '../../shared/tidb/model-changes.ts'
import { readHistory, readVersion, readVersions, registeredModel } from '../../shared/tidb/models.ts'
import { mustSeeModels, mustTendModels } from '../access.ts'
import type { ModelDetail, ModelList } from '../models/api.ts'
import { Place, reason, Version, Why } from '../models/requests.ts'
import { detailOf, rowOf } from '../models/rows.ts'
import { agreementRoutes } from './agreement.ts'
import { modelFileRoutes } from './model-files.ts'

const Two = Type.Object({ a: Version, b: Version }, { additionalProperties: false })
const insteadOf = Type.Integer({ minimum: 1, description: 'The champion that the person saw; another one by now is champion_changed' })
const Rollback = Type.Object({ reason, insteadOf }, { additionalProperties: false })
const Promotion = Type.Object({ reason, insteadOf: Type.Union([insteadOf, Type.Null()]) }, { additionalProperties: false })

const share = Type.Number({ exclusiveMinimum: 0, maximum: 0.5, description: 'Of the customers for whom it decides' })
const Canary = Type.Object({ reason, share }, { additionalProperties: false })

/** /api/models. `backend` is that of the process, by which a model is tried before it decides. */
export function modelRoutes(database: Database, backend: 'auto' | BackendName) {
  /** What a detector could not load must neither decide nor score. */
  const mustBeLoadable = async (version: number) => mustBeUsable(await registeredModel(database, version), backend)

  return async function routes(app: FastifyInstance): Promise<void> {
    await app.register(modelFileRoutes(database, backend))
    await app.register(agreementRoutes(database))

    app.get('/api/models', async ({ user }): Promise<ModelList> => {
      mustSeeModels(user)
      const [versions, history] = await Promise.all([readVersions(database), readHistory(database)])
      const champion = versions.find(({ state }) => state === 'champion')?.version ?? null
      const before = history.find((change) => change.state === 'champion' && change.version !== champion)?.version ?? null
      return { champion, before, models: versions.map((version) => rowOf(version, history)) }
    })

    app.get<{ Querystring: Type.Static<typeof Two> }>(
      '/api/models/compare',
      { schema: { querystring: Two } },
      async ({ user, query: { a, b } }) => {
        mustSeeModels(user)
        const [first, second] = await Promise.all([readVersion(database, Number(a)), readVersion(database, Number(b))])
        return comparisonOf(first, second)
      },
    )

    app.get<{ Params: Place }>('/api/models/:version', { schema: { params: Place } }, async ({ user, params }): Promise<ModelDetail> => {
      mustSeeModels(user)
      const version = await readVersion(database, Number(params.version))
      return detailOf(version, await readHistory(database, version.version))
    })

    /** POST /api/models/:version/<name>; what `act` resolves to is the answer. */
    const change = <Body extends Type.Static<typeof Why>>(
      name: string,
      schema: Type.TSchema,
      act: (version: number, because: Because, body: Body) => Promise<unknown>,
    ) =>
      app.post<{ Params: Place; Body: Type.Static<typeof Why> }>(
        `/api/models/:version/${name}`,
        { schema: { params: Place, body: schema } },
        async ({ user, params, body, log }, reply) => {
          mustTendModels(user)
          const version = Number(params.version)
          const { reason, ...how } = body
          const answer = await act(version, { by: user.name, reason }, body as Body)
          log.info({ change: name, version, ...how, user: user.name }, 'changed a model')
          return answer ?? reply.code(204).send()
        },
      )

    change<Type.Static<typeof Promotion>>('promote', Promotion, async (version, because, { insteadOf }) => {
      await mustBeLoadable(version)
      await promote(database, version, { ...because, insteadOf: insteadOf ?? undefined, secondPerson: true })
      return { champion: version, before: insteadOf }
    })
    change('shadow', Why, async (version, because) => {
      await mustBeLoadable(version)
      await shadow(database, version, because)
    })
    change<Type.Static<typeof Canary>>('canary', Canary, async (version, because, { share }) => {
      await mustBeLoadable(version)
      await canary(database, version, share, { ...because, secondPerson: true })
    })
    change('withdraw', Why, (version, because) => withdraw(database, version, because))
    change('retire', Why, (version, because) => retire(database, version, because))

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
  }
}
