/** Why a decision came out as it did, computed when somebody asks. */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { createExplainDecision, type ExplainedDecision } from '../../../models/reasons/decision.ts'
import { Tenant, Token } from '../../shared/events.ts'
import type { Database } from '../../shared/tidb/database.ts'
import { mustSee } from '../access.ts'

const Place = Type.Object({ tenant: Tenant, transaction: Token }, { additionalProperties: false })

/** /api/decisions/…/explanation */
export function explanationRoutes(database: Database) {
  const explainDecision = createExplainDecision(database)
  return async function routes(app: FastifyInstance): Promise<void> {
    app.get<{ Params: Type.Static<typeof Place> }>(
      '/api/decisions/:tenant/:transaction/explanation',
      { schema: { params: Place } },
      async ({ user, params }): Promise<ExplainedDecision> => {
        mustSee(user, params.tenant)
        return explainDecision(params.tenant, params.transaction)
      },
    )
  }
}
