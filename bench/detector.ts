/** Services as processes of their own, as in production. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Config } from '../services/shared/config.ts'

/** Starts a service; `flags` go to Node, `more` into its environment. */
function spawnService(
  service: 'detector' | 'gateway',
  config: Config,
  flags: readonly string[],
  more: Record<string, string>,
): ChildProcess {
  const { user, password, host, port } = config.sql
  return spawn(process.execPath, [...flags, 'infra/bootstrap.mjs', `services/${service}/main.ts`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      ASSAY_KAFKA: config.kafka.join(','),
      ASSAY_TIDB: `mysql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}`,
      ASSAY_DATABASE: config.sql.database,
      ASSAY_REDIS: config.redis,
      ASSAY_GROUP: config.group,
      ASSAY_SECRET: config.tokenKey,
      ASSAY_HEALTH_PORT: '0',
      ASSAY_LOG_LEVEL: 'error',
      ...more,
    },
  })
}

/** It serves its metrics on `healthPort` of 127.0.0.1, or where nobody knows. */
export const spawnDetector = (config: Config, flags: readonly string[] = [], healthPort = 0): ChildProcess =>
  spawnService('detector', config, flags, { ASSAY_HEALTH_PORT: String(healthPort) })

/** A gateway on that port. */
export const spawnGateway = (config: Config, port: number): ChildProcess =>
  spawnService('gateway', config, [], { ASSAY_GATEWAY_PORT: String(port) })

/** Throws when it has ended by itself, so that nobody waits for what it will not do. */
export function mustRun(child: ChildProcess, name = 'the detector'): void {
  if (child.exitCode === null && child.signalCode === null) return
  throw new Error(`${name} ended by itself with ${child.signalCode ?? `status ${child.exitCode}`}; its last words are above`)
}

/** Ends it as an operator would, and waits. */
export const endDetector = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGTERM')
  })
