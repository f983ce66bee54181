/** Errors as RFC 9457 problem details: the one place where what was thrown becomes an answer. */
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import Type from 'typebox'
import { isConnectionLost } from '../shared/database.ts'
import { AssayError, messageOf } from '../shared/errors.ts'
import type { Fault } from './faults.ts'

export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable, for machines' }),
    detail: Type.String({ description: 'What happened and what to do, for people' }),
    faults: Type.Optional(
      Type.Array(Type.Object({ path: Type.String({ description: 'JSON pointer into the body' }), fault: Type.String() })),
    ),
  },
  { description: 'RFC 9457 problem details' },
)
type Problem = Type.Static<typeof Problem>

const titles: Record<number, string> = {
  400: 'The request has faults',
  401: 'A key is needed',
  403: 'Not allowed',
  404: 'Not found',
  413: 'Too large',
  415: 'Not a format that is read',
  429: 'Too many requests',
  503: 'Not available now',
}

const problem = (status: number, code: string, detail: string, faults?: Fault[]): Problem => ({
  type: 'about:blank',
  title: titles[status] ?? 'The service failed',
  status,
  code,
  detail,
  ...(faults ? { faults } : {}),
})

/** Fastify's own refusals, in our words. */
const refusals: Record<string, { code: string; detail: string }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'too_large', detail: 'A body of JSON may have 1 MB; send application/x-ndjson, which has no limit' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { code: 'media_type', detail: 'Send application/json or application/x-ndjson, in UTF-8' },
}

export function problemOf(error: FastifyError | AssayError | Error): Problem {
  if (error instanceof AssayError && (error.status < 500 || error.status === 503))
    return problem(error.status, error.code, error.message, error.details.faults as Fault[] | undefined)
  if (isConnectionLost(error)) return problem(503, 'database_away', 'The database does not answer; ask again later')
  const { statusCode = 500, code } = error as FastifyError
  const refusal = refusals[code]
  if (refusal) return problem(statusCode, refusal.code, refusal.detail)
  if (statusCode < 500) return problem(statusCode, 'request_invalid', messageOf(error))
  return problem(500, 'internal', 'Something went wrong in the gateway; its log says what. Send the same again, with the same ids')
}

const send = (reply: FastifyReply, details: Problem): FastifyReply => {
  if (details.status === 503) reply.header('retry-after', '5')
  if (details.status === 401) reply.header('www-authenticate', 'Bearer')
  return reply.code(details.status).type('application/problem+json').send(details)
}

/** Makes every error and every unknown path of the app a problem. */
export function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error: Error, request, reply) => {
    const details = problemOf(error)
    if (details.status >= 500) request.log.error({ err: error, route: request.routeOptions.url }, messageOf(error))
    return send(reply, details)
  })
  app.setNotFoundHandler((_request, reply) =>
    send(reply, problem(404, 'not_found', 'There is nothing here; /openapi.json says what there is')),
  )
}
