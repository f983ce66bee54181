/** Errors as RFC 9457 problem details: the one place where what was thrown becomes an answer. */
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import { isConnectionLost } from '../shared/database.ts'
import { AssayError } from '../shared/errors.ts'

type Problem = { type: string; title: string; status: number; code: string; detail: string; [more: string]: unknown }

const titles: Record<number, string> = {
  400: 'The request has faults',
  401: 'Log in first',
  403: 'Not allowed',
  404: 'Not found',
  409: 'Something else happened first',
  415: 'Send JSON',
  429: 'Too many requests',
  503: 'Not available now',
}

const problem = (status: number, code: string, detail: string, more: object = {}): Problem => ({
  type: 'about:blank',
  title: titles[status] ?? 'The service failed',
  status,
  code,
  detail,
  ...more,
})

function problemOf(error: FastifyError | AssayError | Error): Problem {
  if (error instanceof AssayError && error.status < 500) return problem(error.status, error.code, error.message)
  if (error instanceof AssayError && error.status === 503) return problem(503, error.code, error.message)
  if (isConnectionLost(error)) return problem(503, 'database_away', 'The database does not answer; nothing was changed')
  const { statusCode = 500, validation } = error as FastifyError
  if (validation)
    return problem(400, 'request_invalid', 'The request has faults', {
      faults: validation.map((v) => ({ path: v.instancePath, fault: v.message })),
    })
  if (statusCode < 500) return problem(statusCode, 'request_invalid', error.message)
  return problem(500, 'internal', 'Something went wrong in the console; its log says what')
}

export const sendProblem = (reply: FastifyReply, details: Problem): FastifyReply =>
  reply.code(details.status).type('application/problem+json').send(details)

/** Makes every error and every unknown path of the app a problem. */
export function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error: Error, request, reply) => {
    const details = problemOf(error)
    if (details.status >= 500) request.log.error({ err: error, url: request.url }, error.message)
    return sendProblem(reply, details)
  })
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, problem(404, 'not_found', 'There is nothing here')))
}
