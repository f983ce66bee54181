import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { classArchive } from './kafka/class-archive.ts'
import { ensureCommand, findProgram, makeProgram, runCommand, versionText } from './programs.ts'
import type { Launch, Place, Recipe } from './recipe.ts'
import { type Report, StackError } from './server.ts'

/** The version in kafka/pom.xml. */
const KAFKA_VERSION = '4.3.1'
const FOLDER = `kafka-${KAFKA_VERSION}`
const POM = join(dirname(fileURLToPath(import.meta.url)), 'kafka', 'pom.xml')
const LEAST_JAVA = 17

const properties = ({ data, port, second }: Place) => `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${second}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${second}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=${data}/logs
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
`

const LOGGING = `rootLogger.level=warn
rootLogger.appenderRef.c.ref=c
appender.c.type=Console
appender.c.name=c
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d %p %c: %m%n
`

/** The command, and what it says of itself. */
async function java(report: Report): Promise<{ command: string; about: string }> {
  const { path } = await ensureCommand('java', ['openjdk-17-jre-headless'], 'kafka', report)
  // Options of the environment, of which it speaks first, make no other Java of it.
  const about = versionText(path, '-version').replace(/^Picked up .*\n/gm, '')
  const major = Number(/version "(\d+)/.exec(about)?.[1])
  if (!(major >= LEAST_JAVA)) throw new StackError(`Kafka ${KAFKA_VERSION} needs Java ${LEAST_JAVA} or later; ${path} is Java ${major}`)
  return { command: path, about }
}

/** Takes the jars from a cache or a Kafka that is installed (`KAFKA_HOME`), else from a Maven repository. */
async function jars(directory: string, report: Report): Promise<{ lib: string; from: 'found' | 'installed' }> {
  const home = process.env.KAFKA_HOME
  if (home && existsSync(join(home, 'libs'))) return { lib: join(home, 'libs'), from: 'found' }
  const found = findProgram(directory, FOLDER)
  if (found) return { lib: join(found, 'lib'), from: 'found' }
  const maven = await ensureCommand('mvn', ['maven'], 'kafka', report)
  report({ server: 'kafka', message: `fetching Kafka ${KAFKA_VERSION} from the Maven repository (once)` })
  const made = await makeProgram(directory, FOLDER, report, async (target) => {
    await runCommand(maven.path, ['-q', '-B', '-f', POM, 'dependency:copy-dependencies', `-DoutputDirectory=${join(target, 'lib')}`])
  })
  return { lib: join(made, 'lib'), from: 'installed' }
}

/** Makes a data folder ready and says how to start; `flags` go to the Java machine. */
async function prepare(command: string, lib: string, place: Place, flags: string[]): Promise<Launch> {
  mkdirSync(place.data, { recursive: true })
  const config = join(place.data, 'server.properties')
  const logging = join(place.data, 'log4j2.properties')
  writeFileSync(config, properties(place))
  writeFileSync(logging, LOGGING)
  const main = [`-Dlog4j2.configurationFile=${logging}`, '-cp', join(lib, '*')]
  if (!existsSync(join(place.data, 'logs', 'meta.properties'))) {
    // A cluster id is 16 bytes in base64; one that begins with a dash would be read as an option.
    const cluster = `A${randomBytes(16).toString('base64url').slice(1, 22)}`
    const shared = flags.filter((flag) => !flag.includes('AtExit'))
    await runCommand(command, [...shared, ...main, 'kafka.tools.StorageTool', 'format', '-t', cluster, '-c', config])
  }
  return { command, args: ['-Xms256m', '-Xmx512m', '-XX:+UseG1GC', ...flags, ...main, 'kafka.Kafka', config] }
}

/** Apache Kafka as one KRaft node, broker and controller in one. */
export const kafka: Recipe = async (directory, report) => {
  const { command, about } = await java(report)
  const { lib, from } = await jars(directory, report)
  const version = readdirSync(lib).flatMap((name) => /^kafka_2\.13-(\d.*)\.jar$/.exec(name)?.[1] ?? [])[0]
  if (!version) throw new StackError(`${lib} holds no kafka_2.13 jar; remove the folder and try again`)
  const launch = (place: Place, flags: string[]) => prepare(command, lib, place, flags)
  const flags = await classArchive(directory, `${about}${lib}`, report, launch)
  return { product: 'Apache Kafka', from, version, launch: (place) => launch(place, flags) }
}
