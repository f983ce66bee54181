/**
 * Measures what each way of keeping `transactions` costs a write, and how it answers the questions that are asked of it. This is where
 * the figures in `docs/decisions.md` come from: `node infra/bootstrap.mjs infra/migrations/measure.ts [rows per table]`, with ASSAY_TIDB set. It makes a
 * database of its own and drops it. The ways take turns batch by batch, so that what
 * disturbs the machine disturbs all of them.
 */
import { parseArgs } from 'node:util'
import { parseSqlAddress } from '../../services/shared/config.ts'
import { createDatabase, type Database, ensureDatabase } from '../../services/shared/tidb/database.ts'
import { ask, quarter, questions, say } from './measure/questions.ts'
import { type Made, make, write } from './measure/rows.ts'
import { months, plain, ways } from './measure/ways.ts'

const batchSize = 256

async function dropMonth(database: Database, tidb: boolean): Promise<void> {
  let began = performance.now()
  let gone = 0
  for (let rows = 1; rows > 0; gone += rows) {
    rows = (await database.execute('DELETE FROM plain WHERE tenant = ? AND time < ? LIMIT 2000', ['bank', months[0]])).affectedRows
  }
  say(`\nthe first month of plain deleted in batches of 2,000: ${gone} rows in ${(performance.now() - began).toFixed(0)} ms`)
  if (!tidb) return
  const before = await database.query<{ n: number }>('SELECT COUNT(*) AS n FROM monthly PARTITION (m0)')
  began = performance.now()
  await database.execute('ALTER TABLE monthly DROP PARTITION m0')
  say(`the first month of monthly dropped: ${before[0].n} rows in ${(performance.now() - began).toFixed(0)} ms`)
}

const { positionals } = parseArgs({ allowPositionals: true })
const perTable = Number(positionals[0] ?? 60_000)
const address = parseSqlAddress(process.env.ASSAY_TIDB ?? '127.0.0.1:4000', `assay_measure_${process.pid}`)
await ensureDatabase(address)
const database = createDatabase(address)
try {
  const product = await database.product()
  say(`${product.name} ${product.version}, ${perTable} rows a table, one connection, ${batchSize} rows a transaction`)
  for (const way of ways) {
    await database.execute(way.change(plain).replace('EXISTS transactions', `EXISTS ${way.name}`))
    if (way.side) await database.execute(way.side)
  }
  const connection = await database.connect()
  const costs = new Map<string, number[]>(ways.map((w) => [w.name, []]))
  let last: Made[] = []
  for (let n = 0; n < perTable; n += batchSize) {
    last = Array.from({ length: batchSize }, (_, i) => make(n + i, perTable))
    for (let i = 0; i < ways.length; i++) {
      const way = ways[(i + n / batchSize) % ways.length]
      costs.get(way.name)?.push(await write(connection, way, last))
    }
  }
  connection.release()
  const base = quarter(costs.get('plain') ?? [], 2)
  say('µs a row: quartiles of the batches, and the median beside plain')
  for (const way of ways) {
    const [low, median, high] = [1, 2, 3].map((q) => quarter(costs.get(way.name) ?? [], q))
    const beside = `${median >= base ? '+' : ''}${(((median - base) / base) * 100).toFixed(0)} %`
    say(
      `${way.name.padEnd(15)} ${[low, median, high]
        .map((c) => c.toFixed(0))
        .join(' / ')
        .padEnd(15)} ${beside.padStart(6)}  ${way.what}`,
    )
  }
  for (const way of ways) await database.execute(`ANALYZE TABLE ${way.name}`)
  for (const table of product.name === 'TiDB' ? ['plain', 'monthly'] : ['plain']) await questions(database, table, last)
  const entity = String(last.at(-1)?.entities[0])
  await ask(
    database,
    'entity_keys: a merchant, newest 50',
    'SELECT * FROM entity_keys WHERE tenant = ? AND counterparty = ? ORDER BY time DESC LIMIT 50',
    ['bank', entity],
    50,
  )
  const joined = `SELECT t.* FROM (SELECT tenant, customer, time, id FROM narrow_links WHERE tenant = ? AND entity = ? ORDER BY time DESC LIMIT 50) l
    JOIN narrow t ON t.tenant = l.tenant AND t.customer = l.customer AND t.time = l.time AND t.id = l.id`
  await ask(database, 'narrow: a merchant, newest 50', joined, ['bank', entity], 50)
  await ask(
    database,
    'time_key: a month',
    'SELECT COUNT(*), AVG(score) FROM time_key WHERE tenant = ? AND time >= ? AND time < ?',
    ['bank', Date.UTC(2025, 5, 1), Date.UTC(2025, 6, 1)],
    5,
  )
  await dropMonth(database, product.name === 'TiDB')
} finally {
  await database.execute(`DROP DATABASE IF EXISTS \`${address.database}\``)
  await database.stop()
}
