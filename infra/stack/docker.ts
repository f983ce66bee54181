import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { probe } from './health.ts'
import { freePort } from './ports.ts'
import { runCommand } from './programs.ts'
import type { Started } from './record.ts'
import type { Report, ServerName } from './server.ts'

/** The compose file whose services are brought up. */
export const COMPOSE_FILE = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'docker-compose.yml')

const SERVICES = {
  kafka: { service: 'kafka', product: 'Apache Kafka', variable: 'ASSAY_KAFKA_PORT' },
  sql: { service: 'tidb', product: 'TiDB', variable: 'ASSAY_TIDB_PORT' },
  redis: { service: 'redis', product: 'Redis', variable: 'ASSAY_REDIS_PORT' },
} as const

/** Whether a Docker engine with compose answers; a client alone is none. */
export function dockerAnswers(): boolean {
  const succeeds = (...args: string[]) => spawnSync('docker', args, { stdio: 'ignore', timeout: 5_000 }).status === 0
  return succeeds('info') && succeeds('compose', 'version')
}

/** A compose project for each directory, so that several stacks stand side by side. */
const projectOf = (directory: string) => `assay-${createHash('sha256').update(directory).digest('hex').slice(0, 8)}`

/** Compose demands every variable of its file, also those of services that are not started here. */
function unusedVariables(file: string): Record<string, string> {
  const names = [...file.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name!)
  return Object.fromEntries(names.filter((name) => !process.env[name]).map((name) => [name, 'not-used']))
}

function compose(directory: string, args: string[], env: NodeJS.ProcessEnv, line?: (line: string) => void): Promise<string> {
  const needed = unusedVariables(readFileSync(COMPOSE_FILE, 'utf8'))
  const options = { env: { ...needed, ...env }, ...(line ? { line } : {}) }
  return runCommand('docker', ['compose', '-p', projectOf(directory), '-f', COMPOSE_FILE, ...args], options)
}

/** Brings services of the compose file up, each on a free port of 127.0.0.1, and waits until they are healthy. */
export async function composeUp(directory: string, wanted: { name: ServerName; port?: number }[], report: Report): Promise<Started[]> {
  const ports = await Promise.all(wanted.map(({ port }) => freePort(port)))
  const env = Object.fromEntries(wanted.map(({ name }, i) => [SERVICES[name].variable, `${ports[i]}`]))
  const services = wanted.map(({ name }) => SERVICES[name].service)
  report({ message: `docker compose up --wait ${services.join(' ')}` })
  await compose(directory, ['up', '--wait', '--wait-timeout', '600', ...services], env, (message) => report({ message }))
  const servers = wanted.map(async ({ name }, i): Promise<Started> => {
    const { service, product } = SERVICES[name]
    const address = `127.0.0.1:${ports[i]}`
    const { version } = await probe(name, address)
    return { name, product, version: version === 'unknown' ? imageVersion(service) : version, address, from: 'docker', port: ports[i]! }
  })
  return Promise.all(servers)
}

function imageVersion(service: string): string {
  return new RegExp(`image: \\S*/?${service}:v?(\\S+)`).exec(readFileSync(COMPOSE_FILE, 'utf8'))?.[1] ?? 'unknown'
}

/** Ends a directory's containers; their volumes stay unless they are to be erased. */
export async function composeDown(directory: string, erase: boolean): Promise<void> {
  await compose(directory, ['down', ...(erase ? ['--volumes'] : [])], {})
}
