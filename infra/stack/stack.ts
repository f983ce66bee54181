import { existsSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { canWrite, prepareDirectory, withLock } from './directory.ts'
import { composeDown, composeUp, dockerAnswers } from './docker.ts'
import { addressGiven, serverGiven, sqlGiven, variablesFor } from './environment.ts'
import { sqlOf, tryProbe } from './health.ts'
import { kafka } from './kafka.ts'
import { launchServer } from './launch.ts'
import { mariadb } from './mariadb.ts'
import { stopProcess } from './process.ts'
import type { Program, Recipe } from './recipe.ts'
import { mayRun, readRecord, recordServer, removeRecord, type Started } from './record.ts'
import { redis } from './redis.ts'
import { type Report, reasonOf, type Server, type ServerName, type Sql, type Stack, StackError } from './server.ts'
import { findTidb, tidb } from './tidb.ts'

export type { Server, Sql, Stack, StackEvent } from './server.ts'
export { StackError } from './server.ts'

const NAMES = ['kafka', 'sql', 'redis'] as const
const LOCK = 'lock'

/**
 * What `up` needs: where the stack lives, which database is insisted on (else `ASSAY_SQL`, else what is there), who hears of progress, and
 * whether Docker may be used: whoever signals the servers' processes says no.
 */
export type UpOptions = { directory: string; sql?: Sql; report: Report; docker?: boolean }

/**
 * Brings Kafka, the database and Redis up, each in the first way that works: the address in the environment, a server of this
 * stack that still runs, a Docker engine, a program that is there, a program that can be installed. What was killed is started
 * again over its data and, where it is free, on its port. Two calls at once take turns.
 * @throws StackError that says, for each server that is missing, what to do
 */
export async function up({ directory, sql = sqlGiven(), report, docker = true }: UpOptions): Promise<Stack> {
  const place = resolve(directory)
  const absent = NAMES.filter((name) => addressGiven(name) === undefined)
  const given = await inParallel(NAMES.filter((name) => !absent.includes(name)).map((name) => serverGiven(name, addressGiven(name)!, sql)))
  if (absent.length === 0) return stackOf(place, given)

  prepareDirectory(place)
  const waiting = (holder: number) => report({ message: `process ${holder} is working on ${place}; waiting for it` })
  return withLock(join(place, LOCK), waiting, async () => {
    const running = (await inParallel(absent.map((name) => stillRunning(place, name, sql, report)))).flatMap((server) => server ?? [])
    const missing = absent.filter((name) => !running.some((server) => server.name === name))
    const contained = missing.length > 0 && docker ? await fromDocker(place, missing, sql, report) : []
    const rest = missing.filter((name) => !contained.some((server) => server.name === name))
    const launched = await inParallel(rest.map((name) => fromProgram(place, name, sql, report)))
    return stackOf(place, [...given, ...running, ...contained, ...launched])
  })
}

/** Ends exactly what this stack started, and nothing that merely has the same process number. @returns the servers that ended */
export async function down(directory: string, { erase = false } = {}): Promise<Server[]> {
  const place = resolve(directory)
  if (!existsSync(place)) return []
  const end = async () => {
    const started = readRecord(place)
    const running = started.filter(mayRun)
    await inParallel(running.map(({ process }) => (process ? stopProcess(process) : Promise.resolve())))
    if (started.some(({ from }) => from === 'docker')) await composeDown(place, erase)
    if (started.length > 0) removeRecord(place)
    if (erase) rmSync(join(place, 'data'), { recursive: true, force: true })
    return running.map(shown)
  }
  // On a disk that has become full or read-only no lock can be taken, and the servers must end all the same.
  return canWrite(place) ? withLock(join(place, LOCK), () => undefined, end) : end()
}

/** A server, and whether it answers now: `gone` when its process ended, `silent` when it runs but does not answer. */
export type ServerStatus = Server & { state: 'running' | 'silent' | 'gone' }

/** What a stack consists of now. It starts and changes nothing. */
export async function status(directory: string): Promise<Omit<Stack, 'servers'> & { servers: ServerStatus[] }> {
  const place = resolve(directory)
  const given = NAMES.filter((name) => addressGiven(name) !== undefined).map((name) => serverGiven(name, addressGiven(name)!, undefined))
  const servers: ServerStatus[] = (await inParallel(given)).map((server) => ({ ...server, state: 'running' }))
  for (const started of readRecord(place).filter(({ name }) => addressGiven(name) === undefined)) {
    const state = !mayRun(started) ? 'gone' : 'reason' in (await tryProbe(started.name, started.address)) ? 'silent' : 'running'
    servers.push({ ...shown(started), state })
  }
  servers.sort((a, b) => NAMES.indexOf(a.name) - NAMES.indexOf(b.name))
  return { directory: place, servers, env: variablesFor(servers) }
}

function shown({ port: _port, process: _process, ...server }: Started): Server {
  return server
}

function stackOf(directory: string, servers: (Server | Started)[]): Stack {
  const ordered = NAMES.flatMap((name) => servers.filter((server) => server.name === name))
  const plain = ordered.map((server) => ('port' in server ? shown(server) : server))
  return { directory, servers: plain, env: variablesFor(plain) }
}

/** Waits for all, so that nothing goes on behind an error, and then throws all their reasons. */
async function inParallel<T>(work: Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(work)
  const reasons = settled.flatMap((result) => (result.status === 'rejected' ? [reasonOf(result.reason)] : []))
  if (reasons.length > 0) throw new StackError(reasons.join('\n'))
  return settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
}

/** The recorded server, if it runs, answers and is the database that is asked for; what runs but must not is ended. */
async function stillRunning(directory: string, name: ServerName, sql: Sql | undefined, report: Report): Promise<Started | undefined> {
  const started = readRecord(directory).find((server) => server.name === name)
  if (!started) return undefined
  const say = (message: string) => report({ server: name, message })
  if (!mayRun(started)) {
    say(`${started.product} (process ${started.pid}) was ended by somebody else; it is started again over its data`)
    return undefined
  }
  const other = name === 'sql' && sql !== undefined && sqlOf(started) !== sql
  const health = await tryProbe(name, started.address)
  if (!('reason' in health) && !other) return started
  say(
    other ? `${started.product} makes room for the database that was asked for` : `${started.product} does not answer; it is started again`,
  )
  if (started.process) await stopProcess(started.process)
  return undefined
}

async function fromDocker(directory: string, missing: ServerName[], sql: Sql | undefined, report: Report): Promise<Started[]> {
  const names = missing.filter((name) => name !== 'sql' || sql !== 'mariadb')
  if (names.length === 0 || !dockerAnswers()) return []
  const record = readRecord(directory)
  try {
    const wanted = names.map((name) => {
      const port = record.find((server) => server.name === name)?.port
      return { name, ...(port ? { port } : {}) }
    })
    const servers = await composeUp(directory, wanted, report)
    for (const server of servers) recordServer(directory, server)
    return servers
  } catch (error) {
    report({ message: `Docker answers, but could not bring the servers up, so programs are used instead: ${reasonOf(error)}` })
    await composeDown(directory, false).catch(() => undefined)
    return []
  }
}

const recipes: Record<Exclude<ServerName, 'sql'>, Recipe> = { kafka, redis }

async function fromProgram(directory: string, name: ServerName, sql: Sql | undefined, report: Report): Promise<Started> {
  const before = readRecord(directory).find((server) => server.name === name)
  const program = name === 'sql' ? await databaseProgram(directory, sql, report) : await recipes[name](directory, report)
  return launchServer(directory, name, program, report, before?.port)
}

/** TiDB when it is insisted on or there; else MariaDB, and a line that says so. */
async function databaseProgram(directory: string, sql: Sql | undefined, report: Report): Promise<Program> {
  if (sql === 'tidb') return tidb(directory, report)
  if (sql === 'mariadb') return mariadb(directory, report)
  const found = findTidb(directory)
  if (found) return found
  report({
    server: 'sql',
    message: 'MariaDB stands in for TiDB, which is not here; to have TiDB (8 minutes, once): npm run stack -- build tidb',
  })
  return mariadb(directory, report)
}
