/** Everything that can be killed, frozen or cut off: the services as processes of their own, and the servers of the stack. */
import { type ChildProcess, spawn } from 'node:child_process'
import { openSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { ServerName } from '../infra/stack/server.ts'
import { type Stack, up } from '../infra/stack/stack.ts'
import { createLink, type Link } from './link.ts'

export type Actor = {
  readonly name: string
  /** kill -9. */
  kill(): void
  /** SIGSTOP, and SIGCONT. */
  freeze(): void
  thaw(): void
  /** SIGTERM, and waits for the end. */
  end(): Promise<void>
  start(): Promise<void>
  /** The link to TiDB; servers have none. */
  readonly link?: Link
  /** Removes what it keeps on disk; call it only when it is dead. */
  wipe?(): void
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })

export type ServiceOptions = {
  directory: string
  env: Record<string, string>
  sql: () => { host: string; port: number }
  flags: readonly string[]
}

/** A service as in production: its own process, its own link to TiDB. `url` is where it listens. */
export async function createService(name: string, service: string, options: ServiceOptions): Promise<Actor & { url: string }> {
  const link = await createLink(options.sql)
  const port = await freePort()
  const log = openSync(join(options.directory, 'logs', `${name}.log`), 'a')
  let child: ChildProcess | undefined
  let ended: Promise<void> = Promise.resolve()
  const signal = (s: NodeJS.Signals) => {
    if (child?.exitCode === null && child.signalCode === null) child.kill(s)
  }
  return {
    name,
    link,
    url: `http://127.0.0.1:${port}`,
    kill: () => signal('SIGKILL'),
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async end() {
      signal('SIGCONT')
      signal('SIGTERM')
      const timer = setTimeout(() => signal('SIGKILL'), 20_000)
      await ended
      clearTimeout(timer)
    },
    async start() {
      await ended
      const made = spawn(process.execPath, [...options.flags, 'infra/bootstrap.mjs', `services/${service}/main.ts`], {
        stdio: ['ignore', log, log],
        env: {
          ...process.env,
          ...options.env,
          ASSAY_TIDB: `mysql://root@127.0.0.1:${link.port}`,
          ASSAY_GATEWAY_PORT: String(port),
          ASSAY_CONSOLE_PORT: String(port),
          ASSAY_HEALTH_PORT: '0',
        },
      })
      child = made
      ended = new Promise((resolve) => made.once('exit', () => resolve()))
    },
  }
}

/** A server of the stack; it comes back on its port over its data. */
export function createServerActor(name: ServerName, stack: Stack, directory: string): Actor {
  let { pid, product } = stack.servers.find((s) => s.name === name) ?? {}
  const signal = (s: NodeJS.Signals) => {
    if (pid !== undefined) process.kill(pid, s)
  }
  return {
    name: name === 'sql' ? (product ?? 'sql').toLowerCase() : name,
    kill: () => signal('SIGKILL'),
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    end: async () => signal('SIGTERM'),
    async start() {
      const again = await up({ directory, report: () => undefined })
      pid = again.servers.find((s) => s.name === name)?.pid
    },
    wipe: () => rmSync(join(directory, 'data', name), { recursive: true, force: true }),
  }
}
