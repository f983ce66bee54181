/** The queue, a case with all that belongs to it, and what an analyst does with it. */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { AssayError } from '../../shared/errors.ts'
import { Disposition, Tenant, Token } from '../../shared/events.ts'
import { type Case, claimCase, giveVerdict, listCases, readCase, releaseCase } from '../../shared/tidb/cases.ts'
import type { Database } from '../../shared/tidb/database.ts'
import { readTenants } from '../../shared/tidb/settings.ts'
import { leads, mustSee, notFound } from '../access.ts'
import type { CaseDetail, CasePage } from '../api.ts'
import type { Live } from '../live.ts'
import { measuresOf } from '../measures.ts'
import { readTimeline } from '../timeline.ts'
import type { User } from '../users.ts'

const Query = Type.Object(
  {
    tenant: Type.Optional(Tenant),
    state: Type.Optional(Type.Enum(['open', 'claimed', 'closed'])),
    after: Type.Optional(Type.String({ maxLength: 200 })),
    limit: Type.Optional(Type.String({ pattern: '^[1-9]\\d{0,2}$', description: 'At most so many; 50 unless given' })),
  },
  { additionalProperties: false },
)
const Place = Type.Object({ tenant: Tenant, id: Token }, { additionalProperties: false })
const Transaction = Type.Object({ tenant: Tenant, transaction: Token }, { additionalProperties: false })
const Nothing = Type.Object({}, { additionalProperties: false })
const Verdict = Type.Object(
  { disposition: Disposition, note: Type.Optional(Type.String({ maxLength: 2000 })) },
  { additionalProperties: false },
)

type Place = Type.Static<typeof Place>

/** /api/cases and /api/alerts. `nudge` sends what a verdict has put into the outbox. */
export function caseRoutes(database: Database, live: Live, nudge: () => void) {
  /** The case, if the user may see it. */
  const find = async (user: User, { tenant, id }: Place): Promise<Case> => {
    mustSee(user, tenant)
    const found = await readCase(database, { tenant, caseId: id })
    if (!found) throw notFound()
    return found
  }

  return async function routes(app: FastifyInstance): Promise<void> {
    app.get<{ Querystring: Type.Static<typeof Query> }>(
      '/api/cases',
      { schema: { querystring: Query } },
      async ({ user, query }): Promise<CasePage> => {
        const tenant = query.tenant ?? user.tenant ?? undefined
        if (tenant) mustSee(user, tenant)
        return listCases(database, { tenant, state: query.state, limit: Number(query.limit ?? 50), after: query.after })
      },
    )

    app.get<{ Params: Place }>('/api/cases/:tenant/:id', { schema: { params: Place } }, async ({ user, params }): Promise<CaseDetail> => {
      const found = await find(user, params)
      const inCase = new Set(found.alerts.map((a) => a.transaction))
      const bank = (await readTenants(database)).find((t) => t.tenant === found.tenant)
      return {
        ...found,
        timeline: await readTimeline(database, found.tenant, found.customer, inCase),
        measures: measuresOf(found.alerts.flatMap((a) => a.reasons)),
        baseCurrency: bank?.settings.baseCurrency ?? found.currency,
      }
    })

    app.post<{ Params: Place }>('/api/cases/:tenant/:id/claim', { schema: { params: Place, body: Nothing } }, async (request, reply) => {
      const { tenant, id: caseId } = await find(request.user, request.params)
      await claimCase(database, { tenant, caseId, actor: request.user.name })
      live.announce({ tenant, caseId })
      return reply.code(204).send()
    })

    app.post<{ Params: Place }>('/api/cases/:tenant/:id/release', { schema: { params: Place, body: Nothing } }, async (request, reply) => {
      const { tenant, id: caseId, assignee } = await find(request.user, request.params)
      if (assignee !== null && assignee !== request.user.name && !leads(request.user.role))
        throw new AssayError('not_yours', `The case is with ${assignee}; they or a lead can release it`, { status: 403 })
      await releaseCase(database, { tenant, caseId, actor: request.user.name })
      live.announce({ tenant, caseId })
      return reply.code(204).send()
    })

    app.post<{ Params: Place; Body: Type.Static<typeof Verdict> }>(
      '/api/cases/:tenant/:id/verdict',
      { schema: { params: Place, body: Verdict } },
      async ({ user, params, body }, reply) => {
        const { tenant, id: caseId } = await find(user, params)
        await giveVerdict(database, { tenant, caseId, actor: user.name, disposition: body.disposition, note: body.note })
        nudge()
        live.announce({ tenant, caseId })
        return reply.code(204).send()
      },
    )

    app.get<{ Params: Type.Static<typeof Transaction> }>(
      '/api/alerts/:tenant/:transaction/case',
      { schema: { params: Transaction } },
      async ({ user, params }) => {
        mustSee(user, params.tenant)
        const [found] = await database.query<{ caseId: string }>(
          'SELECT case_id AS caseId FROM case_transactions WHERE tenant = ? AND transaction_id = ?',
          [params.tenant, params.transaction],
        )
        if (!found) throw notFound()
        return found
      },
    )
  }
}
