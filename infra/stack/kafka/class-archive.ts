/**
 * A broker's classes as the Java machine has read and checked them, kept in one file that later starts map into memory (class data sharing). A start
 * takes two thirds of the processor time then.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { tryProbe } from '../health.ts'
import { freePort } from '../ports.ts'
import { findProgram, makeProgram } from '../programs.ts'
import type { Launch, Place } from '../recipe.ts'
import { type Report, StackError } from '../server.ts'

const PATIENCE_MS = 60_000

/** Starts a broker, ends it when it answers, and waits until it has written the file. Throws `StackError` where that takes too long or fails. */
async function write(file: string, launch: (place: Place, flags: string[]) => Promise<Launch>): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'assay-kafka-classes-'))
  try {
    const [port, second] = [await freePort(), await freePort()]
    const { command, args } = await launch({ data, port, second }, [`-XX:ArchiveClassesAtExit=${file}`])
    const broker = spawn(command, args, { stdio: 'ignore' })
    const ended = new Promise<void>((resolve) => {
      broker.once('exit', () => resolve())
      broker.once('error', () => resolve())
    })
    const late = setTimeout(() => broker.kill('SIGKILL'), PATIENCE_MS)
    while (broker.exitCode === null && broker.signalCode === null && 'reason' in (await tryProbe('kafka', `127.0.0.1:${port}`)))
      await sleep(150)
    broker.kill('SIGTERM')
    await ended
    clearTimeout(late)
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
  if (!existsSync(file)) throw new StackError('the Java machine wrote no class archive')
}

/**
 * The Java machine's flags by which a broker starts from the archive, which is made once for a Java and a folder of jars (`identity`). None, and a
 * word about it, where it cannot be made: a broker starts without it as well.
 */
export async function classArchive(
  directory: string,
  identity: string,
  report: Report,
  launch: (place: Place, flags: string[]) => Promise<Launch>,
): Promise<string[]> {
  const folder = `kafka-classes-${createHash('sha256').update(identity).digest('hex').slice(0, 12)}`
  try {
    const made =
      findProgram(directory, folder) ??
      (await makeProgram(directory, folder, report, (target) => {
        report({ server: 'kafka', message: 'keeping what Java reads of it, for quicker starts (once)' })
        return write(join(target, 'classes.jsa'), launch)
      }))
    // One that does not fit is not used, and nothing said of it.
    return [`-XX:SharedArchiveFile=${join(made, 'classes.jsa')}`, '-Xlog:cds=off', '-Xlog:cds+dynamic=off']
  } catch (error) {
    report({ server: 'kafka', message: `starts will be slower: ${error instanceof Error ? error.message : String(error)}` })
    return []
  }
}
