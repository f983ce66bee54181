/** The gateway: it listens before Kafka and TiDB are there, and answers 503 until they are. */
import { createBacking } from '../shared/backing.ts'
import type { Config } from '../shared/config.ts'
import { createApiKeys } from '../shared/http/auth.ts'
import { createListener } from '../shared/http/server.ts'
import { createBus } from '../shared/kafka/bus.ts'
import { joinHealth, type Service, stopAll } from '../shared/lifecycle.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import { createDatabase } from '../shared/tidb/database.ts'
import { createApp } from './app.ts'
import { createBanks } from './banks.ts'
import { createOutbound } from './outbound.ts'

export type Gateway = Service & {
  /** Where it listens; known after the start. */
  url(): string
}

/** Makes the gateway. `patienceMs` is how long a caller waits for Kafka's acks before it is answered 503. */
export function createGateway(config: Config, telemetry: Telemetry, options: { patienceMs?: number } = {}): Gateway {
  const database = createDatabase(config.sql)
  const bus = createBus(config.kafka, { name: 'gateway', telemetry })
  const backing = createBacking('gateway', database, bus, telemetry)
  const outbound = createOutbound(bus, telemetry, options)
  const health = () => joinHealth(backing.health(), outbound.health())
  const listener = createListener(
    () =>
      createApp({
        database,
        keys: createApiKeys(database),
        banks: createBanks(database),
        outbound,
        telemetry,
        tokenKey: config.tokenKey,
        health,
      }),
    { host: config.host, port: config.gatewayPort, variable: 'ASSAY_GATEWAY_PORT' },
  )

  return {
    name: 'gateway',
    url: listener.url,
    health,
    async start() {
      await listener.start()
      await backing.start()
    },
    async stop() {
      backing.endWaiting()
      await stopAll([backing, outbound, listener])
    },
  }
}
