/** The gateway's HTTP interface, without a port: what banks send comes in, decisions go out. */
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type { ApiKeys, Caller } from '../shared/auth.ts'
import type { Database } from '../shared/database.ts'
import { AssayError } from '../shared/errors.ts'
import type { Health } from '../shared/lifecycle.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import type { Banks } from './banks.ts'
import type { Outbound } from './outbound.ts'
import { answerProblems } from './problems.ts'
import { decisionRoutes } from './routes/decisions.ts'
import { intakeRoutes } from './routes/intake.ts'

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

const megabyte = 1_048_576

/** Builds the app; `listen` or `inject` is up to the caller. */
export async function createApp(deps: Dependencies): Promise<FastifyInstance> {
  const { telemetry } = deps
  const app = fastify({
    loggerInstance: telemetry.logger as FastifyBaseLogger,
    disableRequestLogging: true,
    bodyLimit: megabyte,
    // A stream may last for hours, but not be silent for two minutes.
    requestTimeout: 0,
    connectionTimeout: 120_000,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200 },
  })
  const seconds = telemetry.histogram('assay_gateway_request_seconds', 'Time until a request was answered', ['route', 'status'])
  answerProblems(app)
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
  app.get('/livez', { schema: { hide: true } }, () => ({ live: true }))
  app.get('/readyz', { schema: { hide: true } }, async (_request, reply) => {
    const health = deps.health()
    return reply.code(health.ready ? 200 : 503).send(health)
  })
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
    reply.type(telemetry.metrics.contentType).send(await telemetry.metrics.metrics()),
  )
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
    await v1.register(rateLimit, {
      max: deps.requestsPerMinute ?? 60_000,
      timeWindow: 60_000,
      hook: 'preParsing',
      keyGenerator: (request) => `${request.caller.tenant}:${request.caller.key}`,
      errorResponseBuilder: (_request, { max, after }) =>
        new AssayError('too_many_requests', `This key may make ${max} requests a minute; go on in ${after}, or send arrays or a stream`, {
          status: 429,
        }),
    })
    await v1.register(intakeRoutes(deps))
    await v1.register(decisionRoutes(deps.database))
  }
