/** A service as a process of its own, that can be killed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { onTestFinished } from 'vitest'
import type { Edit } from '../../chaos/breaks.ts'
import type { Config } from '../../services/shared/config.ts'

/** Starts a service on a test's servers, with `edits` in its sources; it is killed when the test is over. Pass `keep` to kill it yourself. */
export function spawnService(
  name: 'detector' | 'casework' | 'trainer',
  config: Config,
  { edits = [], keep = false }: { edits?: readonly Edit[]; keep?: boolean } = {},
): ChildProcess {
  const runner = edits.length === 0 ? 'infra/bootstrap.mjs' : 'chaos/break-sources.mjs'
  const child = spawn(process.execPath, [runner, `services/${name}/main.ts`], {
    stdio: 'ignore',
    env: {
      ...process.env,
      CHAOS_EDITS: JSON.stringify(edits),
      ASSAY_KAFKA: config.kafka.join(','),
      ASSAY_TIDB: `mysql://${config.sql.user}:${config.sql.password}@${config.sql.host}:${config.sql.port}`,
      ASSAY_DATABASE: config.sql.database,
      ASSAY_REDIS: config.redis,
      ASSAY_REDIS_JOBS: config.redisJobs,
      ASSAY_GROUP: config.group,
      ASSAY_SECRET: config.tokenKey,
      ASSAY_HEALTH_PORT: '0',
      ASSAY_LOG_LEVEL: 'silent',
    },
  })
  if (!keep) onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

/** Resolves to the exit status when the process has ended, null when a signal ended it. */
export const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) =>
    child.exitCode !== null || child.signalCode !== null ? resolve(child.exitCode) : child.once('exit', (code) => resolve(code)),
  )

/** Whether SIGSTOP holds the process. */
export const isStopped = (child: ChildProcess): boolean =>
  spawnSync('ps', ['-o', 'stat=', '-p', String(child.pid)], { encoding: 'utf8' }).stdout.startsWith('T')
