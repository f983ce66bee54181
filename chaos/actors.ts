/** Everything that can be killed, frozen or cut off: the services as processes of their own, and the servers of the stack. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../infra/stack/ports.ts'
import type { ServerName } from '../infra/stack/server.ts'
import { type Stack, up } from '../infra/stack/stack.ts'
import { createLink, type Link } from './link.ts'

export type Actor = {
  /** kill -9. */
  kill(): void
  /** SIGSTOP, and SIGCONT. */
  freeze(): void
  thaw(): void
  /** SIGTERM, and waits for the end. */
  end(): Promise<void>
  start(): Promise<void>
}
/** A service has a link of its own to each server. `crashes`: how often it has ended by itself; it is then started again, as in production. */
export type ServiceActor = Actor & { links: Record<ServerName, Link>; url: string; crashes(): number }
/** A server's disk can be emptied once it is dead. */
export type ServerActor = Actor & { wipe(): void }

export type Address = { host: string; port: number }

export type ServiceOptions = {
  directory: string
  env: Record<string, string>
  servers: Record<ServerName, Address>
  /** What runs its sources. */
  runner: 'infra/bootstrap.mjs' | 'chaos/break-sources.mjs'
}

/** Milliseconds that a service gets to finish what is in hand. */
const longestEnd = 20_000
/** Milliseconds after which a service that ended by itself is started again. */
const again = 1000

/** A service as in production: its own process. `url` is where it listens. */
export async function createService(name: string, service: string, options: ServiceOptions): Promise<ServiceActor> {
  const { servers } = options
  const to = (server: ServerName) => createLink(() => servers[server])
  const links = { kafka: await to('kafka'), sql: await to('sql'), redis: await to('redis') }
  const through = Object.fromEntries(Object.entries(links).map(([server, link]) => [servers[server as ServerName].port, link.port]))
  const port = await freePort()
  const logs = join(options.directory, 'logs')
  mkdirSync(logs, { recursive: true })
  let child: ChildProcess | undefined
  let ended: Promise<void> = Promise.resolve()
  /** The process whose end was asked for last. */
  let ending: ChildProcess | undefined
  let crashes = 0
  const signal = (s: NodeJS.Signals) => {
    if (child?.exitCode === null && child.signalCode === null) child.kill(s)
  }
  const self: ServiceActor = {
    links,
    url: `http://127.0.0.1:${port}`,
    crashes: () => crashes,
    kill() {
      ending = child
      signal('SIGKILL')
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async end() {
      ending = child
      signal('SIGCONT')
      signal('SIGTERM')
      const timer = setTimeout(() => signal('SIGKILL'), longestEnd)
      await ended
      clearTimeout(timer)
    },
    async start() {
      await ended
      const log = openSync(join(logs, `${name}.log`), 'a')
      const made = spawn(process.execPath, ['--import', './chaos/through-links.mjs', options.runner, `services/${service}/main.ts`], {
        stdio: ['ignore', log, log],
        env: {
          ...process.env,
          ...options.env,
          CHAOS_LINKS: JSON.stringify(through),
          ASSAY_GATEWAY_PORT: String(port),
          ASSAY_CONSOLE_PORT: String(port),
          ASSAY_HEALTH_PORT: '0',
        },
      })
      closeSync(log)
      child = made
      ended = new Promise((resolve) => made.once('exit', () => resolve()))
      made.once('exit', () => {
        if (ending === made) return
        crashes++
        setTimeout(() => ending !== made && self.start(), again)
      })
    },
  }
  return self
}

/** A server of the stack; it comes back on its port over its data, and `start` waits until it answers. */
export function createServer(name: ServerName, stack: Stack): ServerActor {
  let pid = stack.servers.find((s) => s.name === name)?.pid
  const signal = (s: NodeJS.Signals) => {
    if (pid !== undefined) process.kill(pid, s)
  }
  return {
    kill: () => signal('SIGKILL'),
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    end: async () => signal('SIGTERM'),
    async start() {
      const again = await up({ directory: stack.directory, report: () => undefined })
      pid = again.servers.find((s) => s.name === name)?.pid
    },
    wipe: () => rmSync(join(stack.directory, 'data', name), { recursive: true, force: true }),
  }
}
