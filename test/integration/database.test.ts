import type { AddressInfo } from 'node:net'
import { createServer, connect as dial, type Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import {
  createDatabase,
  type Database,
  ensureDatabase,
  isConnectionLost,
  isDuplicate,
  isRetriable,
} from '../../services/shared/tidb/database.ts'
import { dropDatabase, eventually, testConfig } from '../helpers/servers.ts'

const config = testConfig()
let database: Database

beforeAll(async () => {
  await ensureDatabase(config.sql)
  database = createDatabase(config.sql)
  await database.execute(
    'CREATE TABLE counters (id VARCHAR(32) NOT NULL PRIMARY KEY, n BIGINT NOT NULL, big BIGINT NULL, data VARBINARY(16) NULL)',
  )
})
afterAll(() => dropDatabase(config, database))
beforeEach(async () => {
  await database.execute('DELETE FROM counters')
  await database.execute("INSERT INTO counters (id, n) VALUES ('a', 0), ('b', 0)")
})

const counted = async (id: string) => (await database.query<{ n: number }>('SELECT n FROM counters WHERE id = ?', [id]))[0].n

/** A way for two transactions to wait for each other. */
function gate(): { open(): void; opened: Promise<void> } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

describe('a transaction', () => {
  test('that the database breaks off in favour of another runs again from its beginning, and nothing is lost or done twice', async () => {
    const [aLocked, bLocked] = [gate(), gate()]
    let runs = 0
    const add = (first: string, second: string, mine: { open(): void }, other: Promise<void>) =>
      database.transaction(async (tx) => {
        runs++
        await tx.execute('UPDATE counters SET n = n + 1 WHERE id = ?', [first])
        mine.open()
        await other
        await tx.execute('UPDATE counters SET n = n + 1 WHERE id = ?', [second])
      })
    await Promise.all([add('a', 'b', aLocked, bLocked.opened), add('b', 'a', bLocked, aLocked.opened)])
    expect(runs).toBeGreaterThan(2)
    expect([await counted('a'), await counted('b')]).toEqual([2, 2])
  })

  test('that lost a race of optimistic writers runs again as a whole on TiDB, where mysql2 knows only the number 9007', async ({
    skip,
  }) => {
    if ((await database.product()).name !== 'TiDB') skip('only TiDB has optimistic transactions')
    const connection = await database.connect()
    onTestFinished(() => connection.release())
    await connection.query('BEGIN OPTIMISTIC')
    await connection.query("UPDATE counters SET n = n + 1 WHERE id = 'a'")
    await database.execute("UPDATE counters SET n = n + 10 WHERE id = 'a'")
    const error = await connection.query('COMMIT').catch((e: unknown) => e)
    expect(error).toMatchObject({ errno: 9007 })
    expect(isRetriable(error)).toBe(true)
    expect(await counted('a')).toBe(10)
  })

  test('is undone when its work throws, and its connection can be used again', async () => {
    const refusal = database.transaction(async (tx) => {
      await tx.execute("UPDATE counters SET n = 5 WHERE id = 'a'")
      throw new Error('no')
    })
    await expect(refusal).rejects.toThrow('no')
    expect(await counted('a')).toBe(0)
  })

  test('with a duplicate is not tried again, and the error says that it was one', async () => {
    let runs = 0
    const error = await database
      .transaction(async (tx) => {
        runs++
        await tx.execute("INSERT INTO counters (id, n) VALUES ('a', 1)")
      })
      .catch((e: unknown) => e)
    expect([isDuplicate(error), runs]).toEqual([true, 1])
  })

  test('gives up after some attempts instead of going on for ever', async () => {
    let runs = 0
    const error = Object.assign(new Error('write conflict'), { errno: 9007 })
    const failing = database.transaction(() => {
      runs++
      return Promise.reject(error)
    })
    await expect(failing).rejects.toBe(error)
    expect(runs).toBe(11)
  })
})

/** A proxy before the database that can cut its connections, before or after a statement that matches has reached the server. */
async function proxy() {
  let cutAt: { pattern: RegExp; when: 'before' | 'after' } | undefined
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = dial(config.sql.port, config.sql.host)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    let answerIsDropped = false
    client.on('data', (bytes) => {
      if (cutAt?.pattern.test(bytes.toString('latin1'))) {
        if (cutAt.when === 'before') return client.destroy()
        answerIsDropped = true
        cutAt = undefined
      }
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => (answerIsDropped ? client.destroy() : client.write(bytes)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const through = createDatabase({ ...config.sql, host: '127.0.0.1', port: (server.address() as AddressInfo).port }, { poolSize: 1 })
  onTestFinished(async () => {
    await through.stop().catch(() => undefined)
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    database: through,
    cut: (pattern: RegExp, when: 'before' | 'after') => {
      cutAt = { pattern, when }
    },
    mend: () => {
      cutAt = undefined
    },
  }
}

describe('a connection that is lost', () => {
  test('with the answer to COMMIT is left to the caller, since the transaction may have been carried out', async () => {
    const { database: through, cut } = await proxy()
    let runs = 0
    cut(/COMMIT/i, 'after')
    const error = await through
      .transaction(async (tx) => {
        runs++
        await tx.execute("UPDATE counters SET n = n + 1 WHERE id = 'a'")
      })
      .catch((e: unknown) => e)
    expect([isConnectionLost(error), isRetriable(error), runs]).toEqual([true, false, 1])
    await eventually('the commit', async () => (await counted('a')) === 1)
  })

  test('before COMMIT reached the server looks the same to the caller, but nothing was written', async () => {
    const { database: through, cut, mend } = await proxy()
    cut(/COMMIT/i, 'before')
    const error = await through.transaction((tx) => tx.execute("UPDATE counters SET n = n + 1 WHERE id = 'a'")).catch((e: unknown) => e)
    expect(isConnectionLost(error)).toBe(true)
    expect(await counted('a')).toBe(0)
    mend()
    await through.transaction((tx) => tx.execute("UPDATE counters SET n = n + 1 WHERE id = 'a'"))
    expect(await counted('a')).toBe(1)
  })

  test('when a rollback fails does not go back into the pool with a transaction open on it', async () => {
    const { database: through, cut, mend } = await proxy()
    cut(/ROLLBACK/i, 'before')
    const broken = through.transaction(async (tx) => {
      await tx.execute("UPDATE counters SET n = 7 WHERE id = 'a'")
      throw new Error('the first error, which the caller must see')
    })
    await expect(broken).rejects.toThrow('the first error')
    mend()
    await through.transaction((tx) => tx.execute("UPDATE counters SET n = n + 1 WHERE id = 'a'"))
    expect(await counted('a')).toBe(1)
  })

  test('is recognised when TiDB itself does not know what became of a COMMIT', () => {
    expect(isConnectionLost({ errno: 8501, message: 'execution result undetermined' })).toBe(true)
    expect(isRetriable({ errno: 8501 })).toBe(false)
  })
})

describe('values', () => {
  test('a BIGINT comes back as a number where numbers are exact, and as text beyond', async () => {
    await database.execute("UPDATE counters SET n = ?, big = ? WHERE id = 'a'", [Number.MAX_SAFE_INTEGER, 9_223_372_036_854_775_807n])
    const [row] = await database.query("SELECT n, big FROM counters WHERE id = 'a'")
    expect(row).toEqual({ n: Number.MAX_SAFE_INTEGER, big: '9223372036854775807' })
  })

  test('a sum over BIGINT, which the server makes a decimal, comes back as exact text', async () => {
    await database.execute('UPDATE counters SET n = ?', [Number.MAX_SAFE_INTEGER])
    expect(await database.query('SELECT SUM(n) AS total FROM counters')).toEqual([{ total: '18014398509481982' }])
  })

  test('bytes come back as they went, whatever they are', async () => {
    const data = Buffer.from([0, 255, 39, 92, 10, 200, 128, 26])
    await database.execute("UPDATE counters SET data = ? WHERE id = 'a'", [data])
    expect(await database.query("SELECT data FROM counters WHERE id = 'a'")).toEqual([{ data }])
  })

  test('text that looks like SQL stays text', async () => {
    const id = "x'; DROP TABLE counters; --"
    await database.execute('INSERT INTO counters (id, n) VALUES (?, 1)', [id])
    expect(await counted(id)).toBe(1)
    await expect(database.query('SELECT 1; SELECT 2')).rejects.toThrow(/syntax|multi-statement/i)
  })
})

test('the product is told from the version, without the version it pretends to be', async () => {
  const { name, version } = await database.product()
  expect(['TiDB', 'MariaDB']).toContain(name)
  expect(version).toMatch(/^\d+\.\d+\.\d+$/)
})

test('a database that is not there is an error with its address, and stopping twice is harmless', async () => {
  const nowhere = { ...config.sql, port: 1 }
  await expect(ensureDatabase(nowhere)).rejects.toMatchObject({ code: 'database_away', status: 503, details: { port: 1 } })
  const other = createDatabase(nowhere)
  await expect(other.ping()).rejects.toSatisfy(isConnectionLost)
  await other.stop()
  await other.stop()
})
