/** GET /v1/decisions/{id}: the decision on a transaction, as it was published. */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { AssayError } from '../../shared/errors.ts'
import { actions, Decision, Token } from '../../shared/events.ts'
import { Problem } from '../../shared/http/problems.ts'
import type { Database } from '../../shared/tidb/database.ts'
import { decodeReasons } from '../../shared/tidb/row-bytes.ts'
import { decodeEvent } from '../../shared/tidb/row-event.ts'

type Row = {
  customer: string
  time: number
  event: Buffer
  score: number
  action: number
  alert: number
  reasons: Buffer | null
  model: number
  policy: number
  decided: number
}

/** The decision as the topic has it, or undefined. Reads by the unique key (tenant, id). */
export async function readDecision(database: Database, tenant: string, id: string): Promise<Decision | undefined> {
  const [row] = await database.query<Row>(
    'SELECT customer, time, event, score, action, alert, reasons, model, policy, decided FROM transactions WHERE tenant = ? AND id = ?',
    [tenant, id],
  )
  if (!row) return undefined
  return {
    id,
    tenant,
    customer: row.customer,
    score: row.score,
    action: actions[row.action],
    alert: row.alert === 1,
    reasons: decodeReasons(row.reasons),
    model: row.model,
    policy: row.policy,
    time: decodeEvent({ ...row, tenant, id }).time,
    decidedAt: new Date(row.decided).toISOString(),
  }
}

export const decisionRoutes = (database: Database) =>
  async function decisions(app: FastifyInstance): Promise<void> {
    const schema = {
      summary: 'The decision on a transaction',
      security: [{ key: [] }],
      params: Type.Object({ id: Token }),
      response: { 200: Decision, default: Problem },
    }
    app.get<{ Params: { id: string } }>(
      '/v1/decisions/:id',
      { schema, serializerCompiler: () => JSON.stringify },
      async (request, reply) => {
        const decision = await readDecision(database, request.caller.tenant, request.params.id)
        if (decision) return decision
        reply.header('retry-after', '1')
        throw new AssayError('decision_unknown', 'The transaction is unknown or not decided yet; ask again in a second', { status: 404 })
      },
    )
  }
