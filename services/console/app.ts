/** The console's HTTP interface, without a port: the page, the session, cases and the live stream. */
import cookie from '@fastify/cookie'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import files from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { BackendName } from '../../models/backend.ts'
import { AssayError } from '../shared/errors.ts'
import { answerProblems, type ProblemWords } from '../shared/http/problems.ts'
import { addHealthRoutes, createHttpApp } from '../shared/http/server.ts'
import type { Health } from '../shared/lifecycle.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import type { Database } from '../shared/tidb/database.ts'
import type { Live } from './live.ts'
import { caseRoutes } from './routes/cases.ts'
import { explanationRoutes } from './routes/explanations.ts'
import { liveRoutes } from './routes/live.ts'
import { modelRoutes } from './routes/models.ts'
import { sessionRoutes } from './routes/session.ts'
import { trainingRunRoutes } from './routes/training-runs.ts'
import { cookieName, type Sessions } from './sessions.ts'
import type { User } from './users.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks. Routes that are open to anybody must not read it. */
    user: User
  }
  interface FastifyContextConfig {
    /** Answered to somebody who has not logged in, too. */
    open?: boolean
  }
}

export type Dependencies = {
  database: Database
  live: Live
  sessions: Sessions
  telemetry: Telemetry
  health: () => Health
  /** Sends what lies in the outbox now and not at the next second. */
  nudge: () => void
  /** TensorFlow.js's backend of this process, by which models are tried. */
  backend: 'auto' | BackendName
  /** Folder of the built page. */
  page: string
}

const contentSecurityPolicy = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'"],
    connectSrc: ["'self'"],
    manifestSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
  },
}

const problemWords: ProblemWords = {
  titles: { 401: 'Log in first', 409: 'Something else happened first', 415: 'Send JSON', 422: 'The model cannot be used' },
  databaseAway: 'The database does not answer; nothing was changed',
  notFound: 'There is nothing here',
  internal: 'Something went wrong in the console; its log says what',
}

/** Refuses what another site's page could have a browser send: SameSite keeps the cookie back, and this is the second lock. */
function mustBeOwnPage(request: FastifyRequest): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  const { origin, host } = request.headers
  const site = request.headers['sec-fetch-site']
  const own = (origin === undefined || origin === `${request.protocol}://${host}`) && (site === undefined || site === 'same-origin')
  if (!own) throw new AssayError('other_origin', 'This was sent from the page of another site', { status: 403 })
}

/** Builds the app; `listen` or `inject` is up to the caller. */
export async function createApp(deps: Dependencies): Promise<FastifyInstance> {
  const { database, live, sessions, telemetry } = deps
  const app = createHttpApp(telemetry, {
    bodyLimit: 16_384,
    forceCloseConnections: true,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  })
  // JSON only: a form or plain text needs no leave to be sent across sites.
  app.removeContentTypeParser('text/plain')
  answerProblems(app, problemWords)
  await app.register(helmet, { contentSecurityPolicy, strictTransportSecurity: false })
  await app.register(cookie)
  await app.register(rateLimit, { global: false })
  await app.register(files, { root: deps.page, index: ['index.html'], cacheControl: false, setHeaders: cacheFiles })

  app.addHook('onRequest', async (request, reply) => {
    if (!request.url.startsWith('/api/')) return
    reply.header('cache-control', 'no-store')
    mustBeOwnPage(request)
    if (request.routeOptions.config.open || request.is404) return
    const user = await sessions.read(request.cookies[cookieName])
    if (!user) throw new AssayError('not_logged_in', 'There is no session, or it has run out', { status: 401 })
    request.user = user
  })
  await app.register(sessionRoutes(database, sessions))
  await app.register(caseRoutes(database, live, deps.nudge))
  await app.register(explanationRoutes(database))
  await app.register(liveRoutes(live, sessions))
  await app.register(modelRoutes(database, deps.backend))
  await app.register(trainingRunRoutes(database))

  addHealthRoutes(app, telemetry, deps.health)
  return app
}

/** Built files carry a hash in their names and never change; the page that names them does. */
function cacheFiles(reply: FastifyReply, path: string): void {
  reply.header('cache-control', /[\\/]assets[\\/]/.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache')
}
