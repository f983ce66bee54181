/** The trainer as a process of its own. */
import { readConfig } from '../shared/config.ts'
import { run } from '../shared/lifecycle.ts'
import { createTelemetry } from '../shared/telemetry.ts'
import { createTrainer } from './service.ts'

const config = readConfig(process.env)
const telemetry = createTelemetry('assay-trainer', config.logLevel)
const trainer = createTrainer(config, telemetry)

await run(trainer, { config, telemetry })
