/** The detector as a process of its own. */
import { readConfig } from '../shared/config.ts'
import { run } from '../shared/lifecycle.ts'
import { createTelemetry } from '../shared/telemetry.ts'
import { createDetector } from './service.ts'

const config = readConfig(process.env)
const telemetry = createTelemetry('assay-detector', config.logLevel)
const detector = createDetector(config, telemetry)

await run(detector, { config, telemetry })
