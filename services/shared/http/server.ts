/** What the services that answer HTTP have in common: how an app is made, how it says how it is, and how it listens and stops. */
import fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyServerOptions, LogController } from 'fastify'
import { type Health, listenError, type Part } from '../lifecycle.ts'
import type { Telemetry } from '../telemetry.ts'

/** An app that logs what happens in it, and not each request. */
export const createHttpApp = (telemetry: Telemetry, options: FastifyServerOptions): FastifyInstance =>
  fastify({
    ...options,
    loggerInstance: telemetry.logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
  })

/** Adds /livez (the process turns), /readyz (the service can work; 503 with the problems when it cannot) and /metrics. */
export function addHealthRoutes(app: FastifyInstance, telemetry: Telemetry, health: () => Health): void {
  const schema = { hide: true }
  app.get('/livez', { schema }, () => ({ live: true }))
  app.get('/readyz', { schema }, async (_request, reply) => {
    const now = health()
    return reply.code(now.ready ? 200 : 503).send(now)
  })
  app.get('/metrics', { schema }, async (_request, reply) =>
    reply.type(telemetry.metrics.contentType).send(await telemetry.metrics.metrics()),
  )
}

const longestDrainMs = 10_000

export type Listener = Part & {
  /** Where it listens; known after the start. */
  url(): string
}

/**
 * Builds an app at the start and listens, or throws `port_in_use`; `variable` is the one that sets the port. At the stop what is under
 * way may finish; what goes on and on is cut after ten seconds.
 */
export function createListener(build: () => Promise<FastifyInstance>, at: { host: string; port: number; variable: string }): Listener {
  let app: FastifyInstance | undefined
  let url = ''
  return {
    name: 'http',
    url: () => url,
    async start() {
      if (app) return
      app = await build()
      try {
        url = await app.listen({ host: at.host, port: at.port })
      } catch (error) {
        throw listenError(error as NodeJS.ErrnoException, at.port, at.host, at.variable)
      }
    },
    async stop() {
      const cut = setTimeout(() => app?.server.closeAllConnections(), longestDrainMs)
      await app?.close()
      clearTimeout(cut)
    },
  }
}
