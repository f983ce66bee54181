/** What chaos happens to: servers of its own, a bank in a database of its own, and the services as processes of their own. */
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeRates } from '../infra/commands/rates.ts'
import { migrate } from '../infra/migrations/migrate.ts'
import type { ServerName } from '../infra/stack/server.ts'
import { down, up } from '../infra/stack/stack.ts'
import { ratesOf } from '../infra/start/rates.ts'
import { addUser } from '../services/console/users.ts'
import { type Config, readConfig } from '../services/shared/config.ts'
import { AssayError } from '../services/shared/errors.ts'
import { addApiKey } from '../services/shared/http/auth.ts'
import { type Bus, createBus } from '../services/shared/kafka/bus.ts'
import { createTelemetry } from '../services/shared/telemetry.ts'
import { createDatabase, type Database, ensureDatabase } from '../services/shared/tidb/database.ts'
import { createTenant, type Settings } from '../services/shared/tidb/settings.ts'
import { type Address, createServer, createService } from './actors.ts'
import type { Edit } from './breaks.ts'
import { type Actors, guest, serverNames, serviceNames } from './faults.ts'

export type Scene = {
  config: Config
  database: Database
  bus: Bus
  tenant: string
  /** The bank's key at the gateway. */
  key: string
  analyst: { name: string; password: string }
  actors: Actors
}

/** Who is told when nobody claims a case, so soon that every case climbs it within a run. */
export const ladder = [
  { role: 'analyst', afterSeconds: 3 },
  { role: 'lead', afterSeconds: 3 },
  { role: 'manager', afterSeconds: 3 },
] as const

/** A bank that is alarmed by little, so that casework has something to do. */
const alarmed: Partial<Settings> = {
  thresholds: { challenge: 0.03, review: 0.1, decline: 0.5 },
  alertOn: ['challenge', 'review', 'decline'],
  sampleRate: 0.005,
}

type Options = {
  directory: string
  /** Leave the servers running when it is over. */
  keep: boolean
  edits: readonly Edit[]
  say: (line: string) => void
  /** Takes what is to be done when the run is over, the last one first. */
  defer: (close: () => Promise<unknown>) => void
}

/** Brings it all up; the services are started, and nothing has been sent yet. */
export async function setScene({ directory, keep, edits, say, defer }: Options): Promise<Scene> {
  // What a run that was killed left behind.
  await down(directory, { erase: true })
  rmSync(join(directory, 'logs'), { recursive: true, force: true })
  if (!keep) defer(() => down(directory, { erase: true }))
  const stack = await up({ directory, report: ({ message }) => say(message), docker: false })
  const strangers = stack.servers.filter((s) => s.pid === undefined)
  if (strangers.length > 0)
    throw new AssayError(
      'not_ours',
      `${strangers.map((s) => `${s.product} at ${s.address}`).join(', ')} is not a process of this run, so that it cannot be killed; ` +
        'unset ASSAY_KAFKA, ASSAY_TIDB and ASSAY_REDIS, and servers are brought up for it',
    )
  if (keep)
    defer(async () => {
      say(`the servers stay: ${stack.servers.map((s) => `${s.product} at ${s.address}`).join(', ')}; database assay_chaos_${mark}`)
      say(`to end them: npm run stack -- down --directory ${directory}`)
    })
  const mark = randomBytes(4).toString('hex')
  const env = {
    ...stack.env,
    ASSAY_DATABASE: `assay_chaos_${mark}`,
    ASSAY_GROUP: `chaos-${mark}`,
    ASSAY_SECRET: randomBytes(32).toString('hex'),
    ASSAY_LOG_LEVEL: 'info',
  }
  const config = readConfig(env)
  await ensureDatabase(config.sql)
  const database = createDatabase(config.sql)
  defer(() => database.stop())
  await migrate(database)
  const bus = createBus(config.kafka, { name: 'chaos', telemetry: createTelemetry('chaos', 'silent'), patience: 60_000 })
  await bus.start()
  defer(() => bus.stop())
  await bus.ensureInnerTopics()
  await writeRates(database, ratesOf(new Date()))
  const tenant = `chaos-${mark}`
  await createTenant(database, bus, { tenant, partitions: 4, settings: { ...alarmed, escalation: [...ladder] } })
  const { key } = await addApiKey(database, tenant, 'chaos')
  const analyst = { name: 'chaos', password: randomBytes(12).toString('hex') }
  await addUser(database, { ...analyst, tenant, role: 'analyst' })

  const address = (text: string): Address => ({ host: '127.0.0.1', port: Number(text.split(':').at(-1)) })
  const servers = Object.fromEntries(stack.servers.map((s) => [s.name, address(s.address)])) as Record<ServerName, Address>
  const service = async (name: string) => {
    const made = await createService(name, name.replace(/-\d$/, ''), {
      directory,
      servers,
      runner: edits.length > 0 ? 'chaos/break-sources.mjs' : 'infra/bootstrap.mjs',
      env: { ...env, CHAOS_EDITS: JSON.stringify(edits) },
    })
    defer(async () => {
      await made.end()
      for (const link of Object.values(made.links)) await link.stop()
    })
    return made
  }
  const actors: Partial<Actors> = {}
  for (const name of serverNames) actors[name] = createServer(name, stack)
  for (const name of [...serviceNames, guest] as const) actors[name] = await service(name)
  for (const name of serviceNames) await actors[name]?.start()
  return { config, database, bus, tenant, key, analyst, actors: actors as Actors }
}
