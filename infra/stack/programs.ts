import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { withLock } from './directory.ts'
import { type Report, reasonOf, type ServerName, StackError } from './server.ts'

/** Where programs are kept for all clones of this user: `$XDG_CACHE_HOME/assay`, else `~/.cache/assay`. */
export const cacheFolder = (): string => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'assay')

/** The path of a command, if it can be run. Debian keeps servers in folders that a user's PATH lacks. */
export function commandPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(Boolean)
  return folders.map((folder) => join(folder, name)).find(canRun)
}

function canRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A folder of programs that is complete: in the stack's own directory, else in the cache. */
export function findProgram(directory: string, folder: string): string | undefined {
  return [join(directory, 'programs', folder), join(cacheFolder(), folder)].find((path) => existsSync(path))
}

type Make = (target: string) => Promise<void>

/** Makes a folder of programs at its place in the cache, or in the stack's directory where the cache cannot be written. */
export const makeProgram = async (directory: string, folder: string, report: Report, make: Make): Promise<string> =>
  makeFolder([cacheFolder(), join(directory, 'programs')], folder, report, make)

/**
 * Makes a folder at the first of the places that can be written, unless it is there. It is made under another name and renamed when
 * complete, so that one who is interrupted leaves nothing half made; two who want the same take turns, and the second finds it there.
 */
export async function makeFolder(places: string[], folder: string, report: Report, make: Make): Promise<string> {
  const place = writableFolder(places)
  const target = join(place, folder)
  const waiting = (holder: number) => report({ message: `${folder} is being made by process ${holder}; waiting for it` })
  await withLock(join(place, `.${folder}.lock`), waiting, async () => {
    if (existsSync(target)) return
    const prefix = `.${folder}-`
    for (const left of readdirSync(place).filter((name) => name.startsWith(prefix))) rmSync(join(place, left), { recursive: true })
    const unfinished = mkdtempSync(join(place, prefix))
    try {
      await make(unfinished)
      renameSync(unfinished, target)
    } finally {
      rmSync(unfinished, { recursive: true, force: true })
    }
  })
  return target
}

function writableFolder(candidates: string[]): string {
  let reason = ''
  for (const folder of candidates) {
    try {
      mkdirSync(folder, { recursive: true })
      accessSync(folder, constants.W_OK)
      return folder
    } catch (error) {
      reason = reasonOf(error)
    }
  }
  throw new StackError(`no place for programs can be written: ${candidates.join(', ')} (${reason})`)
}

/** Runs a command to its end and hands each line of its output on. @throws StackError with its last lines when it fails */
export function runCommand(
  command: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; line?: (line: string) => void } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      ...(options.cwd ? { cwd: options.cwd } : {}),
    })
    let text = ''
    let rest = ''
    const take = (chunk: string) => {
      text += chunk
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) options.line?.(line)
    }
    child.stdout.setEncoding('utf8').on('data', take)
    child.stderr.setEncoding('utf8').on('data', take)
    child.on('error', (error) => reject(new StackError(`${command} could not be run: ${error.message}`)))
    child.on('close', (code, signal) => {
      if (code === 0) resolve(text)
      else
        reject(
          new StackError(`${command} ${args.join(' ')} ended with ${signal ?? code}:\n${text.trimEnd().split('\n').slice(-15).join('\n')}`),
        )
    })
  })
}

const POLICY = '/usr/sbin/policy-rc.d'
let aptQueue: Promise<unknown> = Promise.resolve()

/**
 * Installs Debian packages when this process may, one call after another since apt allows only one.
 * @throws StackError that names the packages when it may not, or when the registry does not answer
 */
export function aptInstall(packages: string[], server: ServerName | undefined, report: Report): Promise<void> {
  const install = async () => {
    const names = packages.join(' ')
    if (process.getuid?.() !== 0 || !commandPath('apt-get'))
      throw new StackError(`please install ${names} (on Debian or Ubuntu: sudo apt-get install ${names})`)
    report({ ...(server ? { server } : {}), message: `installing ${names} with apt-get` })
    // Debian starts a server when it is installed, on its usual port and with its own data; a policy of 101 forbids that.
    const forbid = !existsSync(POLICY) && existsSync(dirname(POLICY))
    if (forbid) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
    const args = ['-o', 'DPkg::Lock::Timeout=300', '-y', '--no-install-recommends', 'install', ...packages]
    const env = { DEBIAN_FRONTEND: 'noninteractive' }
    try {
      await runCommand('apt-get', args, { env }).catch(async () => {
        await runCommand('apt-get', ['update'], { env })
        await runCommand('apt-get', args, { env })
      })
    } catch (error) {
      throw new StackError(
        `${names} could not be installed; install it by hand, or give the server's address in the environment.\n${reasonOf(error)}`,
      )
    } finally {
      if (forbid) rmSync(POLICY, { force: true })
    }
  }
  const turn = aptQueue.then(install)
  aptQueue = turn.catch(() => undefined)
  return turn
}

/** The path of a command, from its Debian package when it is absent. */
export async function ensureCommand(
  name: string,
  packages: string[],
  server: ServerName | undefined,
  report: Report,
): Promise<{ path: string; from: 'found' | 'installed' }> {
  const found = commandPath(name)
  if (found) return { path: found, from: 'found' }
  await aptInstall(packages, server, report)
  const path = commandPath(name)
  if (!path) throw new StackError(`${packages.join(' ')} is installed, but there is no command ${name}`)
  return { path, from: 'installed' }
}

/** The first output of a command that is asked for its version; empty when it cannot be run. */
export function versionText(command: string, ...args: string[]): string {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  return `${stdout ?? ''}${stderr ?? ''}`
}
