/** Starting and stopping: services in order, in reverse at the end, a partial start rolled back, SIGTERM drained. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Config } from './config.ts'
import { AssayError, messageOf } from './errors.ts'
import type { Telemetry } from './telemetry.ts'

/** Whether a service can do its work now, and what stands in its way. */
export type Health = { ready: boolean; problems: string[] }

export type Service = {
  name: string
  /** Resolves when the service takes work; an address that is away is waited for. Can be called twice. */
  start(): Promise<void>
  /** Finishes what is in hand, then lets go of everything. Can be called twice. */
  stop(): Promise<void>
  health(): Health
}

/** Anything that is opened and closed. */
export type Part = { name?: string; start(): Promise<void>; stop(): Promise<void> }

/** Stops in reverse order; one that fails does not keep the others from being stopped, and the first error is thrown at the end. */
export async function stopAll(parts: readonly Pick<Part, 'stop'>[]): Promise<void> {
  let first: unknown
  for (const part of [...parts].reverse()) {
    try {
      await part.stop()
    } catch (error) {
      first ??= error
    }
  }
  if (first !== undefined) throw first
}

/** Starts in order. When one fails, those before it are stopped again and its error is thrown. */
export async function startAll(parts: readonly Part[]): Promise<void> {
  const started: Part[] = []
  for (const part of parts) {
    started.push(part)
    try {
      await part.start()
    } catch (error) {
      await stopAll(started).catch(() => undefined)
      throw error
    }
  }
}

/** Joins what several parts say of themselves. */
export function joinHealth(...parts: Health[]): Health {
  return { ready: parts.every((p) => p.ready), problems: parts.flatMap((p) => p.problems) }
}

/** Listens, or throws `port_in_use` with what to do. */
export function listen(server: Server, port: number, host: string, variable: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, port, host, variable)))
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })
}

/** What a failed listen means, in words. */
export function listenError(error: NodeJS.ErrnoException, port: number, host: string, variable: string): unknown {
  if (error.code !== 'EADDRINUSE') return error
  return new AssayError(
    'port_in_use',
    `${host}:${port} is in use by another program; end it, or set ${variable} to another port (0 for any free one)`,
    {
      cause: error,
      details: { host, port, variable },
    },
  )
}

/** Serves /livez (the process turns), /readyz (the service can work; 503 with the problems when it cannot) and /metrics. */
export function createHealthServer(
  service: Service,
  telemetry: Telemetry,
  config: Pick<Config, 'host' | 'healthPort'>,
): Part & { port(): number } {
  let port = 0
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, body: string) => response.writeHead(status, { 'content-type': type }).end(body)
    if (request.url === '/livez') answer(200, 'application/json', '{"live":true}')
    else if (request.url === '/readyz') {
      const health = service.health()
      answer(health.ready ? 200 : 503, 'application/json', JSON.stringify(health))
    } else if (request.url === '/metrics') {
      telemetry.metrics.metrics().then(
        (text) => answer(200, telemetry.metrics.contentType, text),
        (error: unknown) => answer(500, 'text/plain', messageOf(error)),
      )
    } else answer(404, 'application/json', '{"title":"not found: there are /livez, /readyz and /metrics"}')
  })
  return {
    name: 'health',
    port: () => port,
    async start() {
      if (!server.listening) port = await listen(server, config.healthPort, config.host, 'ASSAY_HEALTH_PORT')
    },
    stop: () =>
      new Promise((resolve) => {
        if (!server.listening) return resolve()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/**
 * Runs a service as a process: starts it, says so, drains on SIGTERM and SIGINT, and ends with status 0, or 1 when something
 * failed. A second signal ends the process at once. With `health` false the service serves /livez and /readyz itself.
 */
export async function run(service: Service, options: { config: Config; telemetry: Telemetry; health?: boolean }): Promise<void> {
  const { config, telemetry } = options
  const parts: Part[] = options.health === false ? [service] : [createHealthServer(service, telemetry, config), service]
  let ending = false
  const end = (signal: string) => {
    if (ending) process.exit(1)
    ending = true
    telemetry.logger.info({ signal }, 'stopping: finishing what is in hand')
    stopAll(parts).then(
      () => process.exit(0),
      (error: unknown) => {
        telemetry.logger.error({ err: error }, 'did not stop cleanly')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', () => end('SIGTERM'))
  process.on('SIGINT', () => end('SIGINT'))
  try {
    await startAll(parts)
    telemetry.logger.info('ready')
  } catch (error) {
    telemetry.logger.fatal({ err: error }, messageOf(error))
    process.exit(1)
  }
}

/** Tries until it works or the caller stops: waits 100 ms after the first failure, twice as long each time, at most 5 s. */
export async function untilItWorks<T>(what: string, telemetry: Telemetry, stopped: () => boolean, attempt: () => Promise<T>): Promise<T> {
  for (let wait = 100; ; wait = Math.min(5000, wait * 2)) {
    try {
      return await attempt()
    } catch (error) {
      if (stopped()) throw error
      telemetry.logger.warn({ reason: messageOf(error), what }, `${what}: trying again in ${wait} ms`)
      await new Promise((resolve) => setTimeout(resolve, wait))
    }
  }
}
