/** The gateway: it listens before Kafka and TiDB are there, and answers 503 until they are. */
import type { FastifyInstance } from 'fastify'
import { createApiKeys } from '../shared/auth.ts'
import { createBus } from '../shared/bus.ts'
import type { Config } from '../shared/config.ts'
import { createDatabase } from '../shared/database.ts'
import { joinHealth, listenError, type Service, stopAll, untilItWorks } from '../shared/lifecycle.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import { createApp } from './app.ts'
import { createBanks } from './banks.ts'
import { createOutbound } from './outbound.ts'

export type Gateway = Service & {
  /** Where it listens; known after the start. */
  url(): string
}

const longestDrain = 10_000

/** Makes the gateway. `patienceMs` is how long a caller waits for Kafka's acks before it is answered 503. */
export function createGateway(config: Config, telemetry: Telemetry, options: { patienceMs?: number } = {}): Gateway {
  const database = createDatabase(config.sql)
  const bus = createBus(config.kafka, { name: 'gateway', telemetry })
  const outbound = createOutbound(bus, telemetry, options)
  let app: FastifyInstance | undefined
  let url = ''
  let stopped = false
  let problem: string | undefined = 'the gateway has not started'

  const health = () => joinHealth({ ready: problem === undefined, problems: problem === undefined ? [] : [problem] }, outbound.health())

  const listen = async () => {
    if (app) return
    app = await createApp({
      database,
      keys: createApiKeys(database),
      banks: createBanks(database),
      outbound,
      telemetry,
      tokenKey: config.tokenKey,
      health,
    })
    try {
      url = await app.listen({ host: config.host, port: config.gatewayPort })
    } catch (error) {
      throw listenError(error as NodeJS.ErrnoException, config.gatewayPort, config.host, 'ASSAY_GATEWAY_PORT')
    }
  }

  /** What is under way may finish; streams that go on and on are cut, and their senders know from the answers what is in. */
  const closeApp = async () => {
    const cut = setTimeout(() => app?.server.closeAllConnections(), longestDrain)
    await app?.close()
    clearTimeout(cut)
  }

  return {
    name: 'gateway',
    url: () => url,
    health,
    async start() {
      await listen()
      problem = 'waiting for TiDB'
      await untilItWorks('TiDB', telemetry, () => stopped, database.ping)
      problem = 'waiting for Kafka'
      await untilItWorks('Kafka', telemetry, () => stopped, bus.start)
      problem = undefined
    },
    async stop() {
      stopped = true
      const nothing = async () => undefined
      await stopAll([
        { start: nothing, stop: database.stop },
        bus,
        { start: nothing, stop: outbound.stop },
        { start: nothing, stop: closeApp },
      ])
    },
  }
}
