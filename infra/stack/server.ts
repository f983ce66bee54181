/** What the stack brings up; a name is also the folder of its data. */
export type ServerName = 'kafka' | 'sql' | 'redis'

/** The database that stands behind `sql`. */
export type Sql = 'tidb' | 'mariadb'

/** One server of a stack, as it is recorded and shown. */
export type Server = {
  name: ServerName
  product: 'Apache Kafka' | 'TiDB' | 'MariaDB' | 'Redis'
  /** As the server itself says it; `unknown` for a Kafka that somebody else runs, whose protocol does not tell. */
  version: string
  /** host:port, or what the environment says. */
  address: string
  from: 'environment' | 'docker' | 'found' | 'installed'
  pid?: number
  log?: string
}

/** The servers of one directory, and the variables by which the services find them. */
export type Stack = { directory: string; servers: Server[]; env: Record<string, string> }

/** A step worth a line of progress. */
export type StackEvent = { server?: ServerName; message: string }
export type Report = (event: StackEvent) => void

/** The stack could not do what it was asked to; the message says what to do. */
export class StackError extends Error {
  readonly code = 'stack'
  override readonly name = 'StackError'
}

/** Text of anything that was thrown. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
