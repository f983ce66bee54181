/** The console as a process of its own. */
import { readConfig } from '../shared/config.ts'
import { run } from '../shared/lifecycle.ts'
import { createTelemetry } from '../shared/telemetry.ts'
import { createConsole } from './service.ts'

const config = readConfig(process.env)
const telemetry = createTelemetry('console', config.logLevel)
const service = createConsole(config, telemetry)
await run(service, { config, telemetry, health: false })
