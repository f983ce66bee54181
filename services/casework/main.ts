/** Casework as a process of its own. */
import { readConfig } from '../shared/config.ts'
import { run } from '../shared/lifecycle.ts'
import { createTelemetry } from '../shared/telemetry.ts'
import { createCasework } from './service.ts'

const config = readConfig(process.env)
const telemetry = createTelemetry('assay-casework', config.logLevel)
const casework = createCasework(config, telemetry)

await run(casework, { config, telemetry })
