import { type Health, sqlOf, tryProbe } from './health.ts'
import { type Server, type ServerName, type Sql, StackError } from './server.ts'

const VARIABLES = { kafka: 'ASSAY_KAFKA', sql: 'ASSAY_TIDB', redis: 'ASSAY_REDIS' } as const satisfies Record<ServerName, string>

/** The address that the environment gives for a server. */
export const addressGiven = (name: ServerName): string | undefined => process.env[VARIABLES[name]] || undefined

/** Which database was asked for: `ASSAY_SQL`. @throws StackError when it is neither */
export function sqlGiven(): Sql | undefined {
  const given = process.env.ASSAY_SQL || undefined
  if (given === undefined || given === 'tidb' || given === 'mariadb') return given
  throw new StackError(`ASSAY_SQL is "${given}"; it may be tidb or mariadb`)
}

/** Asks a server that the environment names. @throws StackError when it does not answer, or is the other database */
export async function serverGiven(name: ServerName, address: string, sql: Sql | undefined): Promise<Server> {
  const health: Health | { reason: string } = await tryProbe(name, address)
  const shown = withoutPassword(address)
  if ('reason' in health)
    throw new StackError(
      `${VARIABLES[name]} is ${shown}, but nothing that can be used answers there: ${health.reason}. Correct the variable, or unset it to have a server brought up here.`,
    )
  if (name === 'sql' && sql !== undefined && sqlOf(health) !== sql)
    throw new StackError(
      `${VARIABLES[name]} is ${shown}, which is ${health.product}, but ${sql === 'tidb' ? 'TiDB' : 'MariaDB'} was asked for`,
    )
  return { name, ...health, address: shown, from: 'environment' }
}

/** An address as it may be shown. */
export const withoutPassword = (address: string): string => address.replace(/(:\/\/[^:@/]*):[^@]*@/, '$1:***@')

/** The variables by which the services find the servers; what the environment gave is passed on as it is. */
export function variablesFor(servers: Server[]): Record<string, string> {
  const env: Record<string, string> = {}
  for (const { name, product, address } of servers) {
    const given = addressGiven(name)
    if (name === 'kafka') env.ASSAY_KAFKA = given ?? address
    if (name === 'sql') {
      env.ASSAY_TIDB = given ?? `mysql://root@${address}`
      env.ASSAY_SQL = sqlOf({ product })
    }
    if (name === 'redis') {
      env.ASSAY_REDIS = given ?? `redis://${address}`
      // Jobs have a database of their own in a server of ours; what somebody else runs may be a cluster, which has only one.
      env.ASSAY_REDIS_JOBS = process.env.ASSAY_REDIS_JOBS || given || `redis://${address}/1`
    }
  }
  return env
}
