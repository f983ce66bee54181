import type { PoolConnection } from 'mysql2/promise'
import { expect, onTestFinished, test } from 'vitest'
import { bulkInsert } from '../../services/shared/tidb/bulk-insert.ts'
import { testConfig, testDatabase, unique } from '../helpers/servers.ts'

type Row = { n: number; text: string; bytes: Buffer; number: number }

/** A table with a column of each type, the insert into it, and a connection. */
async function table() {
  const database = await testDatabase(testConfig())
  const name = unique('bulk_')
  await database.execute(
    `CREATE TABLE ${name} (n BIGINT NOT NULL, text MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL, bytes MEDIUMBLOB NOT NULL,
     number DOUBLE NOT NULL, common VARCHAR(64) CHARACTER SET utf8mb4 NOT NULL, PRIMARY KEY (n))`,
  )
  onTestFinished(async () => {
    await database.execute(`DROP TABLE ${name}`)
  })
  const columns = { n: 'integer', text: 'text', bytes: 'bytes', number: 'double', common: 'text' } as const
  const insert = bulkInsert<Row, string>(name, columns, (to, row, common) => {
    to.integer(row.n)
    to.text(row.text)
    to.bytes(row.bytes)
    to.double(row.number)
    to.text(common)
  })
  const connect = async (): Promise<PoolConnection> => {
    const connection = await database.connect()
    onTestFinished(() => connection.destroy())
    return connection
  }
  return { database, name, insert, connect, connection: await connect() }
}

test('what is written straight into the packet comes back as it was, at every length and border', async () => {
  const { name, insert, connection } = await table()
  const texts = [
    '',
    'a',
    'ß',
    '\u{1f600}',
    'x'.repeat(63),
    'x'.repeat(64),
    'é'.repeat(63),
    'y'.repeat(250),
    'y'.repeat(251),
    'z'.repeat(65_535),
    'z'.repeat(65_536),
    '語'.repeat(30_000),
  ]
  const integers = [
    0,
    1,
    -1,
    255,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 40 + 7,
    Number.MAX_SAFE_INTEGER,
    -(2 ** 32),
    Number.MIN_SAFE_INTEGER,
  ]
  const numbers = [0, 2.5, 1.5, -1e300, 5e-324, 0.1, 123_456.789, 1 / 3, 2 ** 53, 1e-7, -1, 0.123_457]
  const rows = texts.map(
    (text, i): Row => ({ n: integers[i], text, bytes: Buffer.from(text.repeat(i === 8 ? 300 : 1)), number: numbers[i] }),
  )
  await insert(connection, rows, 'für alle')
  // By the binary protocol: mysql2 reads the last bit of a number wrong that comes as text.
  const [back] = (await connection.execute(`SELECT * FROM ${name}`)) as unknown as [Row[]]
  const byN = (a: Row, b: Row) => a.n - b.n
  expect(back.toSorted(byN)).toEqual(rows.toSorted(byN).map((row) => ({ ...row, common: 'für alle' })))
})

test('many rows go by statements of several sizes, in their order, and a row that is refused is told as the database says it', async () => {
  const { database, name, insert, connection } = await table()
  const row = (n: number): Row => ({ n, text: `t${n}`, bytes: Buffer.alloc(n % 700, n), number: n / 7 })
  const rows = Array.from({ length: 1237 }, (_, n) => row(n))
  await insert(connection, rows, 'c')
  const [back] = await connection.execute(`SELECT n, text, bytes, number FROM ${name} ORDER BY n`)
  expect(back).toEqual(rows)
  await expect(insert(connection, [row(5000), row(3)], 'c')).rejects.toMatchObject({ errno: 1062 })
  await insert(connection, [row(6000)], 'c')
  expect(await database.query(`SELECT n FROM ${name} WHERE n >= 5000`)).toEqual([{ n: 6000 }])
})

test('a connection that is lost on the way is told, and another one goes on', async () => {
  const { database, name, insert, connect, connection } = await table()
  const row: Row = { n: 1, text: 'x', bytes: Buffer.alloc(10), number: 1 }
  const sent = insert(connection, [row], 'c')
  connection.destroy()
  await expect(sent).rejects.toThrow()
  await expect(insert(connection, [row], 'c')).rejects.toThrow()
  await insert(await connect(), [{ ...row, n: 2 }], 'c')
  expect(await database.query(`SELECT n FROM ${name} WHERE n = 2`)).toHaveLength(1)
})

test('a statement before the rows goes out with them, and its result comes back whatever it changed', async () => {
  const { database, name, insert, connection } = await table()
  const row = (n: number) => ({ n, text: 'a', bytes: Buffer.alloc(1), number: 0 })
  expect(await insert(connection, [row(1), row(2)], 'c')).toBeUndefined()
  const update = `UPDATE ${name} SET number = 7 WHERE n <= 2`
  expect(await insert(connection, [row(3)], 'c', update)).toMatchObject({ affectedRows: 2, changedRows: 2 })
  expect(await insert(connection, [row(4)], 'c', update)).toMatchObject({ changedRows: 0 })
  expect(await insert(connection, [], 'c', `UPDATE ${name} SET number = 8 WHERE n = 1`)).toMatchObject({ changedRows: 1 })
  await expect(insert(connection, [row(5)], 'c', 'UPDATE nothing SET n = 1')).rejects.toMatchObject({ errno: 1146 })
  await expect(insert(connection, [row(4)], 'c', update)).rejects.toMatchObject({ errno: 1062 })
  const rows = await database.query<{ n: number; number: number }>(`SELECT n, number FROM ${name} ORDER BY n`)
  expect(rows.map(({ n, number }) => [n, number])).toEqual([
    [1, 7],
    [2, 7],
    [3, 0],
    [4, 0],
    [5, 0],
  ])
})
