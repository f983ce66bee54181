/** Runs of training: which there were, what became of them, and asking for another one. */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { Tenant } from '../../shared/events.ts'
import type { Database } from '../../shared/tidb/database.ts'
import { readRun, readRuns, requestTraining, type TrainingRun } from '../../shared/tidb/training-runs.ts'
import { mustSeeModels, mustTendModels } from '../access.ts'
import { reason } from '../models/requests.ts'

const Request = Type.Object(
  {
    reason,
    tenants: Type.Optional(
      Type.Array(Tenant, { minItems: 1, maxItems: 1000, description: 'What is decided for them is learnt from; all unless given' }),
    ),
  },
  { additionalProperties: false },
)
const Place = Type.Object({ id: Type.String({ pattern: '^[0-9a-f]{32}$' }) }, { additionalProperties: false })

/** /api/training-runs. */
export function trainingRunRoutes(database: Database) {
  return async function routes(app: FastifyInstance): Promise<void> {
    app.get('/api/training-runs', async ({ user }): Promise<{ runs: TrainingRun[] }> => {
      mustSeeModels(user)
      return { runs: await readRuns(database) }
    })

    app.get<{ Params: Type.Static<typeof Place> }>('/api/training-runs/:id', { schema: { params: Place } }, ({ user, params }) => {
      mustSeeModels(user)
      return readRun(database, params.id)
    })

    app.post<{ Body: Type.Static<typeof Request> }>(
      '/api/training-runs',
      { schema: { body: Request } },
      async ({ user, body, log }, reply) => {
        mustTendModels(user)
        const { id, asked } = await requestTraining(database, { trigger: 'hand', by: user.name, ...body })
        log.info({ run: id, asked, user: user.name }, 'asked for a training run')
        return reply.code(asked ? 202 : 200).send({ id, asked })
      },
    )
  }
}
