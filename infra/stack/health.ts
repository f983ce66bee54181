import { Redis } from 'ioredis'
import { createConnection } from 'mysql2/promise'
// Mends what Node 24 warns of.
import { Kafka, logLevel } from '../../services/shared/kafka/kafkajs.ts'
import { reasonOf, type Server, type ServerName, type Sql } from './server.ts'

/** What a server says of itself when it is asked over its own protocol. */
export type Health = Pick<Server, 'product' | 'version'>

const PATIENCE_MS = 5_000

async function kafka(address: string): Promise<Health> {
  const brokers = address.split(',').map((broker) => broker.trim())
  const admin = new Kafka({
    clientId: 'assay-stack',
    brokers,
    logLevel: logLevel.NOTHING,
    connectionTimeout: PATIENCE_MS,
    requestTimeout: PATIENCE_MS,
    retry: { retries: 0 },
  }).admin()
  try {
    await admin.connect()
    await admin.describeCluster()
    return { product: 'Apache Kafka', version: 'unknown' }
  } finally {
    await admin.disconnect()
  }
}

async function sql(address: string): Promise<Health> {
  const url = new URL(address.includes('://') ? address : `mysql://root@${address}`)
  const connection = await createConnection({
    host: url.hostname,
    port: Number(url.port || 4000),
    user: decodeURIComponent(url.username) || 'root',
    password: decodeURIComponent(url.password),
    connectTimeout: PATIENCE_MS,
  })
  try {
    const [rows] = await connection.query('SELECT VERSION() AS version')
    return parseSqlVersion((rows as { version: string }[])[0]?.version ?? '')
  } finally {
    await connection.end()
  }
}

/** Reads `SELECT VERSION()`: `8.0.11-TiDB-v8.5.6` is TiDB 8.5.6, `10.11.19-MariaDB-…` is MariaDB 10.11.19. */
export function parseSqlVersion(text: string): Health {
  const tidb = /TiDB-v?(\d+\.\d+\.\d+\S*)/.exec(text)
  if (tidb) return { product: 'TiDB', version: tidb[1]! }
  const mariadb = /^(?:5\.5\.5-)?(\d+\.\d+\.\d+)-MariaDB/.exec(text)
  if (mariadb) return { product: 'MariaDB', version: mariadb[1]! }
  throw new Error(`the database is neither TiDB nor MariaDB, it calls itself "${text}"`)
}

async function redis(address: string): Promise<Health> {
  const client = new Redis(address.includes('://') ? address : `redis://${address}`, {
    lazyConnect: true,
    connectTimeout: PATIENCE_MS,
    commandTimeout: PATIENCE_MS,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  })
  // connect() rejects with "Connection is closed"; what was wrong comes as an event.
  let reason: Error | undefined
  client.on('error', (error) => {
    reason = error
  })
  try {
    await client.connect().catch((error: unknown) => {
      throw reason ?? error
    })
    const version = /redis_version:(\S+)/.exec(await client.info('server'))
    return { product: 'Redis', version: version?.[1] ?? 'unknown' }
  } finally {
    client.disconnect()
  }
}

const probes = { kafka, sql, redis } satisfies Record<ServerName, (address: string) => Promise<Health>>

/** Asks a server once. @throws when it does not answer as what it should be */
export const probe = (name: ServerName, address: string): Promise<Health> => probes[name](address)

/** The server's health, or why it has none. */
export async function tryProbe(name: ServerName, address: string): Promise<Health | { reason: string }> {
  try {
    return await probe(name, address)
  } catch (error) {
    const { errors } = error as Partial<AggregateError>
    return { reason: reasonOf(errors?.[0] ?? error) }
  }
}

/** Which database a probe found. */
export const sqlOf = (health: Pick<Health, 'product'>): Sql => (health.product === 'TiDB' ? 'tidb' : 'mariadb')
