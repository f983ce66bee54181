/** The console: the analysts' page and its interface, the live feed, and the relay that sends what verdicts put into the outbox. */
import { createBacking } from '../shared/backing.ts'
import type { Config } from '../shared/config.ts'
import { createListener } from '../shared/http/server.ts'
import { createBus } from '../shared/kafka/bus.ts'
import { joinHealth, type Service, stopAll } from '../shared/lifecycle.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import { createDatabase } from '../shared/tidb/database.ts'
import { createOutboxRelay } from '../shared/tidb/outbox.ts'
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
  const backing = createBacking('console', database, bus, telemetry)
  const sessions = createSessions(database, config.tokenKey)
  const live = createLive(database, bus, telemetry, config.group)
  const relay = createOutboxRelay(database, bus, telemetry)
  const health = () => joinHealth(backing.health(), live.health(), relay.health())
  const listener = createListener(
    async () =>
      createApp({
        database,
        live,
        sessions,
        telemetry,
        health,
        nudge: relay.nudge,
        backend: config.backend,
        page: await preparePage(telemetry.logger),
      }),
    { host: config.host, port: config.consolePort, variable: 'ASSAY_CONSOLE_PORT' },
  )

  return {
    name: 'console',
    url: listener.url,
    health,
    async start() {
      await listener.start()
      await backing.start()
      await relay.start()
      await live.start()
    },
    async stop() {
      backing.endWaiting()
      await stopAll([backing, relay, live, listener])
    },
  }
}
