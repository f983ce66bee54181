import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A process that can be told from a later one with the same number. */
export type ProcessIdentity = { pid: number; started: string }

const hasProc = existsSync('/proc/self/stat')

/** When a process started; undefined when there is no such process, or it has ended and only its parent has not noticed. */
export const startOf = (pid: number): string | undefined => (hasProc ? startFromProc(pid) : startFromPs(pid))

/** Without /proc, as on macOS: to the second only. */
export function startFromPs(pid: number): string | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', `${pid}`], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } })
  const [state, ...started] = stdout.trim().split(/\s+/)
  return !state || state.startsWith('Z') ? undefined : started.join(' ')
}

/** The kernel's clock ticks since boot, with the boot's id. */
function startFromProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command's name stands in parentheses and may hold anything, so the fields are counted from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A zombie's other threads may still hold its files and ports; it is gone when they are.
    if (fields[0] === 'Z' && Number(fields[17]) <= 1) return undefined
    return `${fields[19]}@${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}`
  } catch {
    return undefined
  }
}

/** Whether the very process is running, not another one that got its number. */
export const isAlive = ({ pid, started }: ProcessIdentity): boolean => startOf(pid) === started

/** This process. */
export const self = (): ProcessIdentity => ({ pid: process.pid, started: startOf(process.pid) ?? '' })

/**
 * Starts a server in a session of its own, so that a Ctrl-C in this terminal does not reach it, with its output in `log`.
 * @throws when the program cannot be run
 */
export async function startServer(command: string, args: string[], log: string, env: NodeJS.ProcessEnv = {}): Promise<ProcessIdentity> {
  mkdirSync(dirname(log), { recursive: true })
  const output = openSync(log, 'a')
  try {
    const child = spawn(command, args, {
      detached: true,
      // What a server writes to where it was started, as TiDB does when memory runs short, lies beside its log.
      cwd: dirname(log),
      stdio: ['ignore', output, output],
      // One time zone for all servers, whatever the machine's.
      env: { ...process.env, TZ: 'UTC', ...env },
    })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    child.unref()
    return { pid: child.pid!, started: startOf(child.pid!) ?? 'gone' }
  } finally {
    closeSync(output)
  }
}

/** Asks a process to end, and after `patienceMs` makes it. Does nothing when it is gone or its number is another's now. */
export async function stopProcess(identity: ProcessIdentity, patienceMs = 30_000): Promise<void> {
  if (!isAlive(identity)) return
  process.kill(identity.pid, 'SIGTERM')
  const deadline = Date.now() + patienceMs
  while (isAlive(identity) && Date.now() < deadline) await sleep(50)
  if (isAlive(identity)) process.kill(identity.pid, 'SIGKILL')
  while (isAlive(identity)) await sleep(50)
}

/** The last lines of a log, from `offset` on: what a server said since it was started. */
export function tail(log: string, offset = 0, lines = 15): string {
  try {
    return readFileSync(log).subarray(offset).toString().trimEnd().split('\n').slice(-lines).join('\n')
  } catch {
    return ''
  }
}

/** The length of a log, 0 when there is none yet. */
export function sizeOf(log: string): number {
  return statSync(log, { throwIfNoEntry: false })?.size ?? 0
}
