/** What a command on this machine works with: what the environment says, else the local stack's addresses and a secret of its own. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, readConfig } from '../services/shared/config.ts'
import { type Bus, createBus } from '../services/shared/kafka/bus.ts'
import { createTelemetry } from '../services/shared/telemetry.ts'
import { createDatabase, type Database } from '../services/shared/tidb/database.ts'
import { status } from './stack/stack.ts'

/** The secret of a local installation: made once and kept in the stack's directory, readable by its owner alone. */
export function localSecret(directory: string): string {
  const file = join(directory, 'secret')
  if (!existsSync(file)) {
    mkdirSync(directory, { recursive: true })
    writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' })
  }
  return readFileSync(file, 'utf8').trim()
}

/** The configuration of a command beside a running `npm start`: its stack's addresses stand in for what the environment does not say. */
export async function localConfig(directory = '.assay'): Promise<Config> {
  const stack = await status(directory)
  return readConfig({
    ASSAY_SECRET: process.env.ASSAY_SECRET ?? localSecret(directory),
    ASSAY_LOG_LEVEL: 'warn',
    ...stack.env,
    ...process.env,
  })
}

/** Opens the database for `work`, and closes it whatever comes of it. */
export async function withDatabase<T>(work: (database: Database, config: Config) => Promise<T>): Promise<T> {
  const config = await localConfig()
  const database = createDatabase(config.sql, { poolSize: 1 })
  try {
    return await work(database, config)
  } finally {
    await database.stop()
  }
}

/** The same with Kafka, to which the command is `client`. */
export const withBus = (client: string, work: (database: Database, bus: Bus, config: Config) => Promise<void>): Promise<void> =>
  withDatabase(async (database, config) => {
    const bus = createBus(config.kafka, { name: client, telemetry: createTelemetry('assay', config.logLevel) })
    try {
      await bus.start()
      await work(database, bus, config)
    } finally {
      await bus.stop()
    }
  })

/** Prints a line of a command's answer. */
export const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}
