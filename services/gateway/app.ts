/** The gateway's HTTP interface, without a port: what banks send comes in, decisions go out. */
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { AssayError } from '../shared/errors.ts'
import type { ApiKeys, Caller } from '../shared/http/auth.ts'
import { answerProblems, type ProblemWords } from '../shared/http/problems.ts'
import { addHealthRoutes, createHttpApp } from '../shared/http/server.ts'
import type { Health } from '../shared/lifecycle.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import type { Database } from '../shared/tidb/database.ts'
import type { Banks } from './banks.ts'
import { createLimits } from './limits.ts'
import type { Outbound } from './outbound.ts'
import { decisionRoutes } from './routes/decisions.ts'
import { intakeRoutes, mostBytes } from './routes/intake.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose key this is. Only routes below /v1 have one. */
    caller: Caller
  }
}

export type Dependencies = {
  database: Database
  keys: ApiKeys
  banks: Banks
  outbound: Outbound
  telemetry: Telemetry
  tokenKey: string
  health: () => Health
  /** Requests that a key may make in a minute; a stream counts as one. */
  requestsPerMinute?: number
}

const problemWords: ProblemWords = {
  titles: { 401: 'A key is needed', 415: 'Not a format that is read' },
  databaseAway: 'The database does not answer; ask again later',
  notFound: 'There is nothing here; /openapi.json says what there is',
  internal: 'Something went wrong in the gateway; its log says what. Send the same again, with the same ids',
  refusals: {
    FST_ERR_CTP_BODY_TOO_LARGE: {
      code: 'too_large',
      detail: 'A body of JSON may have 1 MB; send application/x-ndjson, which has no limit',
    },
    FST_ERR_CTP_INVALID_MEDIA_TYPE: { code: 'media_type', detail: 'Send application/json or application/x-ndjson, in UTF-8' },
  },
  scheme: 'Bearer',
}

/** Builds the app; `listen` or `inject` is up to the caller. */
export async function createApp(deps: Dependencies): Promise<FastifyInstance> {
  const { telemetry } = deps
  const app = createHttpApp(telemetry, {
    bodyLimit: mostBytes,
    // A stream may last for hours, but not be silent for two minutes.
    requestTimeout: 0,
    connectionTimeout: 120_000,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200 },
  })
  const seconds = telemetry.histogram('assay_gateway_request_seconds', 'Time until a request was answered', ['route', 'status'])
  answerProblems(app, problemWords)
  await app.register(helmet)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Assay gateway', version: '1', description: 'Takes in what a bank sends, and gives decisions back.' },
      components: {
        securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'An API key: npm run assay -- keys add TENANT' } },
      },
    },
  })
  app.addHook('onResponse', async (request, reply) => {
    seconds.observe({ route: request.routeOptions.url ?? 'unknown', status: reply.statusCode }, reply.elapsedTime / 1000)
  })

  await app.register(versionOne(deps))

  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
  addHealthRoutes(app, telemetry, deps.health)
  return app
}

/** All that needs a key. */
const versionOne = (deps: Dependencies) =>
  async function versionOne(v1: FastifyInstance): Promise<void> {
    v1.addHook('onRequest', async (request) => {
      const [, key = ''] = /^Bearer (\S{1,128})$/i.exec(request.headers.authorization ?? '') ?? []
      const caller = await deps.keys.verify(key)
      if (!caller) throw new AssayError('key_invalid', 'Send a key that is in force: Authorization: Bearer assay_…', { status: 401 })
      request.caller = caller
    })
    const limits = createLimits(deps.telemetry)
    await v1.register(rateLimit, {
      max: deps.requestsPerMinute ?? 60_000,
      timeWindow: 60_000,
      hook: 'preParsing',
      keyGenerator: (request) => `${request.caller.tenant}:${request.caller.key}`,
      onExceeded: (request) => limits.note(request.caller.tenant, 'requests'),
      errorResponseBuilder: (_request, { max, after }) =>
        new AssayError('too_many_requests', `This key may make ${max} requests a minute; go on in ${after}, or send arrays or a stream`, {
          status: 429,
        }),
    })
    await v1.register(intakeRoutes({ ...deps, limits }))
    await v1.register(decisionRoutes(deps.database))
  }
