/** How two models differ on the same transactions of a bank. */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { type Agreement, agreementOf } from '../../../models/evaluation/agreement.ts'
import { AssayError } from '../../shared/errors.ts'
import { Tenant } from '../../shared/events.ts'
import type { Database } from '../../shared/tidb/database.ts'
import { mustSeeModels } from '../access.ts'
import { Version } from '../models/requests.ts'

const Query = Type.Object(
  {
    tenant: Tenant,
    a: Version,
    b: Version,
    days: Type.Optional(Type.String({ pattern: '^([1-9]|[12]\\d|30)$', description: '7 unless given' })),
  },
  { additionalProperties: false },
)
const day = 86_400_000

/** GET /api/models/agreement. It reads every transaction that both scored, so that one is answered at a time. */
export function agreementRoutes(database: Database) {
  let busy = false
  return async function routes(app: FastifyInstance): Promise<void> {
    app.get<{ Querystring: Type.Static<typeof Query> }>(
      '/api/models/agreement',
      { schema: { querystring: Query } },
      async ({ user, query: { tenant, a, b, days } }): Promise<Agreement> => {
        mustSeeModels(user)
        if (busy) throw new AssayError('agreement_busy', 'Two models are being compared already; try again in a moment', { status: 503 })
        busy = true
        try {
          const to = Date.now()
          return await agreementOf(database, { tenant, a: Number(a), b: Number(b), from: to - Number(days ?? 7) * day, to })
        } finally {
          busy = false
        }
      },
    )
  }
}
