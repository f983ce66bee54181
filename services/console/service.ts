/** The console: the analysts' page and its interface, the live feed, and the relay that sends what verdicts put into the outbox. */
import type { FastifyInstance } from 'fastify'
import { createBus } from '../shared/bus.ts'
import type { Config } from '../shared/config.ts'
import { createDatabase } from '../shared/database.ts'
import { joinHealth, listenError, type Service, stopAll, untilItWorks } from '../shared/lifecycle.ts'
import { createOutboxRelay } from '../shared/outbox.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import { createApp } from './app.ts'
import { createLive } from './live.ts'
import { preparePage } from './page.ts'
import { createSessions } from './sessions.ts'

export type Console = Service & {
  /** Where the page is; known after the start. */
  url(): string
}

/** Makes the console. It listens before Kafka and TiDB are there, so that /readyz and the page can say what is missing. */
export function createConsole(config: Config, telemetry: Telemetry): Console {
  const database = createDatabase(config.sql)
  const bus = createBus(config.kafka, { name: 'console', telemetry })
  const sessions = createSessions(database, config.tokenKey)
  const live = createLive(database, bus, telemetry, config.group)
  const relay = createOutboxRelay(database, bus, telemetry)
  let app: FastifyInstance | undefined
  let url = ''
  let stopped = false
  let problem: string | undefined = 'the console has not started'

  const health = () =>
    joinHealth({ ready: problem === undefined, problems: problem === undefined ? [] : [problem] }, live.health(), relay.health())

  const listen = async () => {
    if (app) return
    app = await createApp({ database, live, sessions, telemetry, health, nudge: relay.nudge, page: await preparePage(telemetry.logger) })
    try {
      url = await app.listen({ host: config.host, port: config.consolePort })
    } catch (error) {
      throw listenError(error as NodeJS.ErrnoException, config.consolePort, config.host, 'ASSAY_CONSOLE_PORT')
    }
  }

  return {
    name: 'console',
    url: () => url,
    health,
    async start() {
      await listen()
      problem = 'waiting for TiDB'
      await untilItWorks('TiDB', telemetry, () => stopped, database.ping)
      problem = 'waiting for Kafka'
      await untilItWorks('Kafka', telemetry, () => stopped, bus.start)
      problem = undefined
      await relay.start()
      await live.start()
    },
    async stop() {
      stopped = true
      const page = { start: async () => undefined, stop: async () => void (await app?.close()) }
      await stopAll([{ start: async () => undefined, stop: database.stop }, bus, relay, live, page])
    },
  }
}
