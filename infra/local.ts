/** The environment of a command that is run on this machine: what is set, else the local stack's addresses and a secret of its own. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, readConfig } from '../services/shared/config.ts'
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
