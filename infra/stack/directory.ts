import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isAlive, type ProcessIdentity, self } from './process.ts'
import { reasonOf, StackError } from './server.ts'

const LEAST_FREE_MB = 512

/**
 * Makes a stack's directory and proves that it can be written and has room.
 * @throws StackError when it is read-only, full, or no directory
 */
export function prepareDirectory(directory: string): void {
  const advice = 'Free it, or name another place with --directory.'
  try {
    mkdirSync(directory, { recursive: true })
    const { bavail, bsize } = statfsSync(directory)
    const freeMb = Math.floor((bavail * bsize) / 2 ** 20)
    if (freeMb < LEAST_FREE_MB)
      throw new StackError(`${directory} has ${freeMb} MB left on its disk; the servers need ${LEAST_FREE_MB} MB to start. ${advice}`)
    probeWrite(directory)
  } catch (error) {
    if (error instanceof StackError) throw error
    const code = (error as NodeJS.ErrnoException).code ?? ''
    const reasons: Record<string, string> = {
      EROFS: 'is on a read-only file system',
      EACCES: 'may not be written by this user',
      ENOSPC: 'is full',
    }
    throw new StackError(`${directory} ${reasons[code] ?? 'cannot be written'} (${reasonOf(error)}). ${advice}`)
  }
}

function probeWrite(directory: string): void {
  const probe = join(directory, `.probe-${process.pid}`)
  try {
    writeFileSync(probe, 'x')
  } finally {
    rmSync(probe, { force: true })
  }
}

/** Whether files can be written in a directory now. */
export function canWrite(directory: string): boolean {
  try {
    probeWrite(directory)
    return true
  } catch {
    return false
  }
}

/** Writes a file as a whole or not at all. */
export function writeWhole(file: string, text: string): void {
  const temporary = `${file}.${process.pid}`
  writeFileSync(temporary, text)
  renameSync(temporary, file)
}

function holderOf(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity
  } catch {
    return undefined
  }
}

/** Takes a lock if nobody alive holds it. @returns its release, or the process that holds it */
export function tryLock(file: string): (() => void) | ProcessIdentity {
  const mine = `${file}.${process.pid}`
  for (;;) {
    writeFileSync(mine, JSON.stringify(self()))
    try {
      linkSync(mine, file)
      return () => rmSync(file, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      rmSync(mine, { force: true })
    }
    const holder = holderOf(file)
    if (holder && isAlive(holder)) return holder
    // Renaming takes the dead one's lock away exactly once, even when several processes see it dead.
    const dead = `${file}.dead-${process.pid}`
    try {
      renameSync(file, dead)
    } catch {
      continue
    }
    const taken = holderOf(dead)
    if (taken && isAlive(taken)) renameSync(dead, file)
    else rmSync(dead, { force: true })
  }
}

/** Runs `work` while no other process works under the same lock; `waiting` is told once who is waited for. */
export async function withLock<T>(file: string, waiting: (holder: number) => void, work: () => Promise<T>): Promise<T> {
  let told = false
  for (;;) {
    const lock = tryLock(file)
    if (typeof lock === 'function') {
      try {
        return await work()
      } finally {
        lock()
      }
    }
    if (!told) waiting(lock.pid)
    told = true
    await sleep(200)
  }
}
