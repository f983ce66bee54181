import { readFileSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { writeWhole } from './directory.ts'
import { isAlive, type ProcessIdentity } from './process.ts'
import type { Server } from './server.ts'

/** A server that this stack started, with what is needed to find it again and to end it and nothing else. */
export type Started = Server & {
  port: number
  /** Its own process, where it is not Docker's. */
  process?: ProcessIdentity
}

const fileOf = (directory: string) => join(directory, 'stack.json')

/** What a stack started and did not end. A record that cannot be read counts as none. */
export function readRecord(directory: string): Started[] {
  try {
    return (JSON.parse(readFileSync(fileOf(directory), 'utf8')) as { started: Started[] }).started
  } catch {
    return []
  }
}

/** Writes the record anew. */
export function writeRecord(directory: string, started: Started[]): void {
  writeWhole(fileOf(directory), `${JSON.stringify({ started }, null, 2)}\n`)
}

/** Puts a server into the record in place of the one that had its name. */
export function recordServer(directory: string, server: Started): void {
  writeRecord(directory, [...readRecord(directory).filter(({ name }) => name !== server.name), server])
}

/** Forgets what was started; on a read-only disk the record stays, and is harmless since it names processes that are gone. */
export function removeRecord(directory: string): void {
  try {
    unlinkSync(fileOf(directory))
  } catch (error) {
    if (!['ENOENT', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

/** Whether the process that was started still runs; of a container only its port can tell. */
export const mayRun = ({ process }: Started): boolean => process === undefined || isAlive(process)
