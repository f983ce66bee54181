/** The gateway as a process of its own. */
import { readConfig } from '../shared/config.ts'
import { run } from '../shared/lifecycle.ts'
import { createTelemetry } from '../shared/telemetry.ts'
import { createGateway } from './service.ts'

const config = readConfig(process.env)
const telemetry = createTelemetry('gateway', config.logLevel)
const service = createGateway(config, telemetry)
await run(service, { config, telemetry, health: false })
