/** The jar of the Flink job, built by Maven when its sources are others than before. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { commandPath, makeFolder, runCommand, versionText } from '../../infra/stack/programs.ts'
import { type Report, reasonOf, StackError } from '../../infra/stack/server.ts'

const sources = join(dirname(fileURLToPath(import.meta.url)), 'flink')
const leastJava = 17

/** What is missing on this machine to build and run the job, as a sentence that says what to do; undefined where nothing is. */
export function missingForFlink(): string | undefined {
  const missing = ['java', 'javac', 'mvn'].filter((name) => commandPath(name) === undefined)
  const advice = `The Flink job needs a JDK of Java ${leastJava} or later and Maven (on Debian or Ubuntu: sudo apt-get install openjdk-17-jdk-headless maven)`
  if (missing.length > 0) return `${advice}; there is no command ${missing.join(', ')}.`
  const major = Number(/(\d+)/.exec(versionText('javac', '-version'))?.[1])
  return major >= leastJava ? undefined : `${advice}; javac is of Java ${major}.`
}

/** Changes with every byte of the sources. */
export function hashOf(directory: string): string {
  const hash = createHash('sha256')
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((f) => f.isFile())
  for (const path of files.map((f) => join(f.parentPath, f.name)).sort())
    hash.update(`${path.slice(directory.length)}\n`).update(readFileSync(path))
  return hash.digest('hex').slice(0, 16)
}

/** Where the jar of these very sources is kept, be it there or not. */
export const jarOf = (directory: string): string => join(directory, `flink-${hashOf(sources)}`, 'flink.jar')

/**
 * The path of the jar, which is built where it is not there.
 * @throws StackError when Java or Maven is missing, the registry does not answer, or the job does not compile
 */
export async function buildFlink(directory: string, report: Report): Promise<string> {
  const missing = missingForFlink()
  if (missing) throw new StackError(missing)
  const jar = jarOf(directory)
  if (existsSync(jar)) return jar
  report({ message: 'building the Flink job with Maven (once: about half a minute, and 90 MB from its registry the first time)' })
  await makeFolder([directory], basename(dirname(jar)), report, async (target) => {
    try {
      await runCommand('mvn', ['-q', '-B', '-f', join(sources, 'pom.xml'), `-Dwork=${resolve(target)}`, 'package'])
    } catch (error) {
      throw new StackError(
        `The Flink job could not be built. Where the words below speak of a transfer or a host, Maven's registry cannot be reached: see its settings.\n${reasonOf(error)}`,
      )
    }
  })
  return jar
}
