/** Errors as RFC 9457 problem details: the one place where what was thrown becomes an answer. */
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import Type from 'typebox'
import { AssayError, messageOf } from '../errors.ts'
import { isConnectionLost } from '../tidb/database.ts'

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

/** How a service says what all services refuse alike. */
export type ProblemWords = {
  /** Titles by status, beside and before the common ones. */
  titles: Record<number, string>
  databaseAway: string
  notFound: string
  internal: string
  /** Fastify's own refusals by their code. */
  refusals?: Record<string, { code: string; detail: string }>
  /** How a caller shows who it is, for WWW-Authenticate beside 401. */
  scheme?: string
}

const commonTitles: Record<number, string> = {
  400: 'The request has faults',
  403: 'Not allowed',
  404: 'Not found',
  413: 'Too large',
  429: 'Too many requests',
  503: 'Not available now',
}

/** Makes every error and every unknown path of the app a problem. What is not the caller's doing is logged, and not told. */
export function answerProblems(app: FastifyInstance, words: ProblemWords): void {
  const titles = { ...commonTitles, ...words.titles }
  const problem = (status: number, code: string, detail: string, faults?: Problem['faults']): Problem => ({
    type: 'about:blank',
    title: titles[status] ?? 'The service failed',
    status,
    code,
    detail,
    ...(faults ? { faults } : {}),
  })
  const problemOf = (error: FastifyError | AssayError | Error): Problem => {
    if (error instanceof AssayError && (error.status < 500 || error.status === 503))
      return problem(error.status, error.code, error.message, error.details.faults as Problem['faults'])
    if (isConnectionLost(error)) return problem(503, 'database_away', words.databaseAway)
    const { statusCode = 500, code } = error as FastifyError
    const refusal = words.refusals?.[code]
    if (refusal) return problem(statusCode, refusal.code, refusal.detail)
    if (statusCode < 500) return problem(statusCode, 'request_invalid', messageOf(error))
    return problem(500, 'internal', words.internal)
  }
  const send = (reply: FastifyReply, details: Problem): FastifyReply => {
    if (details.status === 503) reply.header('retry-after', '5')
    if (details.status === 401 && words.scheme) reply.header('www-authenticate', words.scheme)
    return reply.code(details.status).type('application/problem+json').send(details)
  }

  app.setErrorHandler((error: Error, request, reply) => {
    const details = problemOf(error)
    // Whoever refuses may know when it will not.
    if (error instanceof AssayError && error.details.retryAfter !== undefined) reply.header('retry-after', String(error.details.retryAfter))
    if (details.status >= 500) request.log.error({ err: error, route: request.routeOptions.url }, messageOf(error))
    return send(reply, details)
  })
  app.setNotFoundHandler((_request, reply) => send(reply, problem(404, 'not_found', words.notFound)))
}
