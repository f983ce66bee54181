/** Everything that `npm start` needs, started in order in one process, and stopped in reverse. */
import { loadBackend } from '../../models/backend.ts'
import { installBackend } from '../../models/backend-install.ts'
import { createCasework } from '../../services/casework/service.ts'
import { createConsole } from '../../services/console/service.ts'
import { ensureFirstUser } from '../../services/console/users.ts'
import { createDetector } from '../../services/detector/service.ts'
import { createGateway } from '../../services/gateway/service.ts'
import { type Config, readConfig } from '../../services/shared/config.ts'
import { messageOf } from '../../services/shared/errors.ts'
import { type Bus, createBus } from '../../services/shared/kafka/bus.ts'
import { type Part, type Service, startAll, stopAll } from '../../services/shared/lifecycle.ts'
import { createTelemetry, type Telemetry } from '../../services/shared/telemetry.ts'
import { createDatabase, type Database, ensureDatabase } from '../../services/shared/tidb/database.ts'
import { createTenant, type Settings } from '../../services/shared/tidb/settings.ts'
import { createTrainer } from '../../services/trainer/service.ts'
import { writeRates } from '../commands/rates.ts'
import { localSecret } from '../local.ts'
import { migrate } from '../migrations/migrate.ts'
import { down, type Stack, status, up } from '../stack/stack.ts'
import { ratesOf } from './rates.ts'

export type Demonstration = {
  stack: Stack
  config: Config
  telemetry: Telemetry
  database: Database
  bus: Bus
  tenant: string
  services: Service[]
  consoleUrl: string
  gatewayUrl: string
  login: { name: string; password: string } | undefined
  backend: string
  stop(): Promise<void>
}

const say = (line: string) => process.stderr.write(`assay: ${line}\n`)

/** Builds tfjs-node once, so that training has it, and scoring where it is asked for. Whoever wants WebAssembly alone says so. */
async function ensureNativeBackend(): Promise<void> {
  if (process.env.ASSAY_BACKEND === 'wasm') return
  await installBackend((line) => say(`tfjs-node: ${line}`)).catch((error: unknown) =>
    say(`tfjs-node could not be installed, so the WebAssembly backend is used throughout: ${messageOf(error).split('\n')[0]}`),
  )
}

/** With `quick` the bank is a new one, and its cases escalate within seconds. */
export async function startDemonstration(options: { directory: string; quick: boolean }): Promise<Demonstration> {
  const before = (await status(options.directory)).servers.filter((s) => s.state === 'running').length
  const [stack] = await Promise.all([
    up({ directory: options.directory, report: ({ server, message }) => say(server ? `${server}: ${message}` : message) }),
    ensureNativeBackend(),
  ])
  const config = readConfig({
    ASSAY_LOG_LEVEL: 'warn',
    ...(options.quick ? { ASSAY_GATEWAY_PORT: '0', ASSAY_CONSOLE_PORT: '0', ASSAY_HEALTH_PORT: '0' } : {}),
    ASSAY_SECRET: process.env.ASSAY_SECRET ?? localSecret(options.directory),
    ...stack.env,
    ...process.env,
  })
  const telemetry = createTelemetry('assay', config.logLevel)
  await ensureDatabase(config.sql)
  const database = createDatabase(config.sql)
  const bus = createBus(config.kafka, { name: 'assay-start', telemetry })
  const parts: Pick<Part, 'stop'>[] = [database, bus]
  try {
    const ran = await migrate(database)
    if (ran > 0) say(`${ran} migrations ran`)
    await bus.start()
    const tenant = options.quick ? `play-${Date.now().toString(36)}` : 'demo-bank'
    await writeRates(database, ratesOf(new Date()))
    await createTenant(database, bus, {
      tenant,
      name: options.quick ? 'A bank for one run' : 'Demo Bank',
      partitions: 4,
      settings: options.quick ? hasty : {},
    })
    const login = options.quick ? undefined : await ensureFirstUser(database)
    const gateway = createGateway(config, telemetry)
    const board = createConsole(config, telemetry)
    const services: Service[] = [
      createDetector(config, telemetry),
      createCasework(config, telemetry),
      createTrainer(config, telemetry),
      gateway,
      board,
    ]
    await startAll(services)
    parts.push(...services)
    const backend = await loadBackend(config.backend)
    return {
      stack,
      config,
      telemetry,
      database,
      bus,
      tenant,
      services,
      consoleUrl: board.url(),
      gatewayUrl: gateway.url(),
      login,
      backend: backend === 'node' ? 'tfjs-node 4.22.0' : 'tfjs-backend-wasm 4.22.0',
      stop: async () => {
        await stopAll(parts)
        // A run that ends leaves nothing behind; one that was watched leaves its servers, so that the next begins at once.
        if (options.quick && before === 0) await down(options.directory)
      },
    }
  } catch (error) {
    await stopAll(parts).catch(() => undefined)
    throw error
  }
}

/** Escalation within seconds, so that a short run sees it happen. */
const hasty: Partial<Settings> = {
  sampleRate: 0.001,
  escalation: [
    { role: 'analyst', afterSeconds: 2 },
    { role: 'lead', afterSeconds: 2 },
    { role: 'manager', afterSeconds: 2 },
  ],
}
