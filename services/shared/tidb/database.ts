/** The database: a pool over mysql2 with TiDB's retriable errors retried. Whole transactions are run again, never a statement alone. */
import mysql, { type Pool, type PoolConnection, type ResultSetHeader } from 'mysql2/promise'
import type { SqlAddress } from '../config.ts'
import { AssayError, messageOf } from '../errors.ts'

export type Value = string | number | bigint | boolean | Date | Buffer | null
export type Connection = {
  query<Row>(sql: string, values?: readonly Value[]): Promise<Row[]>
  /** `affectedRows` counts what was found, `changedRows` what is another than before. */
  execute(sql: string, values?: readonly Value[]): Promise<{ affectedRows: number; changedRows: number }>
}
export type Database = Connection & {
  /** Runs `work` in one transaction, and again from its beginning when the database says that it may be repeated. */
  transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T>
  /** A connection of one's own, for the hot path; `release` gives it back, `destroy` closes it. */
  connect(): Promise<PoolConnection>
  product(): Promise<{ name: 'TiDB' | 'MariaDB' | 'MySQL'; version: string }>
  /** Waits for nothing: throws when the database does not answer. */
  ping(): Promise<void>
  stop(): Promise<void>
}

/** Lock wait, deadlock, and TiDB's: retriable commit, schema changed, write conflict, region or server busy. */
const retriable = new Set([1205, 1213, 8002, 8022, 8028, 9007, 9001, 9002, 9003, 9004, 9005, 9010, 8141])
const lostConnection = new Set([
  'PROTOCOL_CONNECTION_LOST',
  'ECONNRESET',
  'EPIPE',
  'ECONNREFUSED',
  'ETIMEDOUT',
  'PROTOCOL_SEQUENCE_TIMEOUT',
])

/** Whether the same transaction may be run again from its beginning. mysql2 gives TiDB's 9007 no `code`, so `errno` decides. */
export const isRetriable = (error: unknown): boolean => retriable.has((error as { errno?: number } | null | undefined)?.errno ?? 0)

/** Null, out of range, truncated, not a date, not text, too long, not JSON, against a check. */
const refusals = new Set([1048, 1264, 1265, 1292, 1366, 1406, 1690, 3140, 3819])

/** Whether the database will never take these values. */
export const isRefusal = (error: unknown): boolean => refusals.has((error as { errno?: number } | null | undefined)?.errno ?? 0)

/** TiDB lost sight of its own storage during a COMMIT: «execution result undetermined». */
const undetermined = 8501

/** Whether the answer went away with the connection, so that nobody knows whether the last statement was carried out. */
export const isConnectionLost = (error: unknown): boolean => {
  const e = error as { code?: string; errno?: number; message?: string } | null | undefined
  return e?.errno === undetermined || lostConnection.has(e?.code ?? '') || /closed state|Connection lost/i.test(e?.message ?? '')
}

/** Whether a unique key refused the row. */
export const isDuplicate = (error: unknown): boolean => (error as { errno?: number } | null | undefined)?.errno === 1062

const attempts = 10

/** Waits 5 ms, then twice as long each time up to 500 ms, with jitter so that two that collided do not collide again. */
export const backoff = (attempt: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.min(500, 5 * 2 ** attempt) * (0.5 + Math.random())))

/** The options that every connection has: times in UTC, no statement lists, big numbers as text only where they are not safe. */
export const connectionOptions = (address: SqlAddress) => ({
  host: address.host,
  port: address.port,
  user: address.user,
  password: address.password,
  database: address.database,
  charset: 'utf8mb4',
  timezone: 'Z',
  supportBigNumbers: true,
  bigNumberStrings: false,
  multipleStatements: false,
  connectTimeout: 5000,
})

/** Makes the pool. Nothing is opened before the first use; `stop` closes it. */
export function createDatabase(address: SqlAddress, options: { poolSize?: number } = {}): Database {
  const pool: Pool = mysql.createPool({
    ...connectionOptions(address),
    connectionLimit: options.poolSize ?? 8,
    queueLimit: 10_000,
    enableKeepAlive: true,
  })
  let stopped = false

  const over = (connection: Pool | PoolConnection): Connection => ({
    async query<Row>(sql: string, values: readonly Value[] = []) {
      const [rows] = await connection.query(sql, values as Value[])
      return rows as Row[]
    },
    async execute(sql, values = []) {
      const [result] = await connection.query(sql, values as Value[])
      const { affectedRows, changedRows } = result as ResultSetHeader
      return { affectedRows, changedRows }
    },
  })
  const onPool = over(pool)
  const retrying = async <T>(work: () => Promise<T>): Promise<T> => {
    for (let attempt = 0; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (!isRetriable(error) || attempt >= attempts) throw error
        await backoff(attempt)
      }
    }
  }

  return {
    query: (sql, values) => retrying(() => onPool.query(sql, values)),
    execute: (sql, values) => retrying(() => onPool.execute(sql, values)),
    transaction: (work) =>
      retrying(async () => {
        const connection = await pool.getConnection()
        try {
          await connection.beginTransaction()
          const result = await work(over(connection))
          await connection.commit()
          connection.release()
          return result
        } catch (error) {
          // A connection that may still hold an open transaction must not go back into the pool.
          await connection.rollback().then(
            () => connection.release(),
            () => connection.destroy(),
          )
          throw error
        }
      }),
    connect: () => pool.getConnection(),
    async product() {
      const [{ version }] = await onPool.query<{ version: string }>('SELECT VERSION() AS version')
      if (/TiDB/i.test(version)) return { name: 'TiDB', version: version.replace(/^.*TiDB-v?/i, '') }
      return { name: /maria/i.test(version) ? 'MariaDB' : 'MySQL', version: version.replace(/-.*$/, '') }
    },
    async ping() {
      await onPool.query('SELECT 1')
    },
    async stop() {
      if (stopped) return
      stopped = true
      // A server that went away needs no goodbye.
      await pool.end().catch((error: unknown) => {
        if (!isConnectionLost(error)) throw error
      })
    },
  }
}

/** Makes the database itself when it is not there. */
export async function ensureDatabase(address: SqlAddress): Promise<void> {
  const { database, ...server } = connectionOptions(address)
  try {
    const connection = await mysql.createConnection(server)
    try {
      await connection.query(`CREATE DATABASE IF NOT EXISTS \`${database}\` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`)
    } finally {
      await connection.end()
    }
  } catch (error) {
    throw new AssayError('database_away', `TiDB at ${address.host}:${address.port} does not let us in: ${messageOf(error)}`, {
      cause: error,
      details: { host: address.host, port: address.port },
      status: 503,
    })
  }
}
