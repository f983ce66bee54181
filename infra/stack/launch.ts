import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Health, tryProbe } from './health.ts'
import { freePort } from './ports.ts'
import { isAlive, type ProcessIdentity, sizeOf, startServer, stopProcess, tail } from './process.ts'
import type { Program } from './recipe.ts'
import { recordServer, type Started } from './record.ts'
import { type Report, type ServerName, StackError } from './server.ts'

const DEADLINE_MS = 120_000
const ATTEMPTS = 3
const PORT_TAKEN = /address already in use|port is already in use|failed to bind|bind on tcp/i

/** Waits until a server answers. @returns its health, or why it does not */
async function waitForHealth(name: ServerName, address: string, process: ProcessIdentity): Promise<Health | { reason: string }> {
  const deadline = Date.now() + DEADLINE_MS
  let last = ''
  while (Date.now() < deadline) {
    if (!isAlive(process)) return { reason: 'it ended by itself' }
    const health = await tryProbe(name, address)
    if (!('reason' in health)) return health
    last = health.reason
    await sleep(150)
  }
  return { reason: `it does not answer after ${DEADLINE_MS / 1000} s (${last})` }
}

/**
 * Starts a program as a server of a stack and waits until it answers. It is recorded as soon as it runs, so that whoever is
 * interrupted here leaves nothing behind that `down` does not know. Where a port was taken in between, others are tried.
 * @throws StackError with the end of the server's log
 */
export async function launchServer(
  directory: string,
  name: ServerName,
  program: Program,
  report: Report,
  wantedPort?: number,
): Promise<Started> {
  const folder = name === 'sql' ? program.product.toLowerCase() : name
  const log = join(directory, 'logs', `${folder}.log`)
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort(attempt === 1 ? wantedPort : undefined)
    const second = await freePort()
    const { command, args, env } = await program.launch({ data: join(directory, 'data', folder), port, second })
    const said = sizeOf(log)
    const process = await startServer(command, args, log, env)
    const address = `127.0.0.1:${port}`
    const { product, from, version = 'unknown' } = program
    const server: Started = { name, product, version, address, from, pid: process.pid, log, port, process }
    recordServer(directory, server)
    report({ server: name, message: `starting ${product} on ${address} (process ${process.pid})` })
    const health = await waitForHealth(name, address, process)
    if (!('reason' in health)) {
      if (health.version !== 'unknown') server.version = health.version
      recordServer(directory, server)
      return server
    }
    await stopProcess(process)
    const words = tail(log, said)
    if (attempt < ATTEMPTS && PORT_TAKEN.test(words)) {
      report({ server: name, message: `port ${port} or ${second} was taken in between; trying others` })
      continue
    }
    throw new StackError(`${product} did not start: ${health.reason}. The end of ${log}:\n${words || '(it wrote nothing)'}`)
  }
}
