/**
 * Measures what each way of keeping `transactions` costs a write, and how it answers the questions that are asked of it. This is where
 * the figures in `docs/decisions.md` come from: `node infra/bootstrap.mjs infra/migrations/measure.ts [rows per table]`, with ASSAY_TIDB set. It makes a
 * database of its own and drops it. The ways take turns batch by batch, so that what
 * disturbs the machine disturbs all of them.
 */
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { PoolConnection } from 'mysql2/promise'
import { width } from '../../models/fold/features.ts'
import { parseSqlAddress } from '../../services/shared/config.ts'
import { createDatabase, type Database, ensureDatabase, type Value } from '../../services/shared/tidb/database.ts'
import { migrations } from './migrations.ts'

const day = 86_400_000
const firstInstant = Date.UTC(2025, 0, 1)
const months = Array.from({ length: 12 }, (_, m) => Date.UTC(2025, m + 1, 1))
const batchSize = 256

/** One way of keeping transactions: the migration's table, changed; `side` is written beside it in the same database transaction. */
type Way = { name: string; what: string; change(sql: string): string; partitions?: true; side?: string; entities?: true }

/** The table in one piece, as MariaDB sees it. */
const plain = (migrations.find((m) => m.name === 'table transactions')?.sql ?? '')
  .replace(' /*T![global_index] GLOBAL */', '')
  .replace(/\/\*T! PARTITION[\s\S]*\*\//, '')
  .replace(/,\s*KEY by_place [^)]*\)/, '')
  .trimEnd()
const withKey = (key: string) => (sql: string) => `${sql.slice(0, -1)}, ${key})`
const byMonth = `/*T! PARTITION BY RANGE (time) (${months.map((t, i) => `PARTITION m${i} VALUES LESS THAN (${t})`).join(', ')},
  PARTITION later VALUES LESS THAN (MAXVALUE)) */`

const ways: Way[] = [
  { name: 'plain', what: 'clustered (tenant, customer, time, id), unique (tenant, id)', change: (sql) => sql },
  { name: 'no_unique', what: 'plain without the unique key', change: (sql) => sql.replace(/, UNIQUE KEY by_id \(tenant, id\)/, '') },
  {
    name: 'monthly',
    what: 'plain in monthly partitions, the unique key global',
    change: (sql) => `${sql.replace('by_id (tenant, id)', 'by_id (tenant, id) /*T![global_index] GLOBAL */')} ${byMonth}`,
    partitions: true,
  },
  {
    name: 'monthly_log_key',
    what: 'monthly, and a key on (tenant, part, log, log_offset) in each partition',
    change: (sql) =>
      `${withKey('KEY x (tenant, part, log, log_offset)')(sql.replace('by_id (tenant, id)', 'by_id (tenant, id) /*T![global_index] GLOBAL */'))} ${byMonth}`,
    partitions: true,
  },
  { name: 'log_key', what: 'plain and a key on (tenant, part, log, log_offset)', change: withKey('KEY x (tenant, part, log, log_offset)') },
  { name: 'time_key', what: 'plain and a key on (tenant, time)', change: withKey('KEY x (tenant, time)') },
  {
    name: 'entity_keys',
    what: 'plain, two more columns, keys on (tenant, counterparty, time) and (tenant, device, time)',
    change: (sql) =>
      withKey('KEY x (tenant, counterparty, time), KEY y (tenant, device, time)')(
        sql.replace(
          'event BLOB',
          'counterparty VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL, device VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL, event BLOB',
        ),
      ),
    entities: true,
  },
  {
    name: 'narrow',
    what: 'plain, and two rows in a narrow table clustered by (tenant, entity, time, id)',
    change: (sql) => sql,
    side: `CREATE TABLE narrow_links (tenant VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, entity VARCHAR(66) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      time BIGINT NOT NULL, id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, customer VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      PRIMARY KEY (tenant, entity, time, id) /*T![clustered_index] CLUSTERED */)`,
  },
]

const columns =
  `tenant, customer, time, id, event, content_hash, part, log, log_offset, outcomes_to, parties_to, base_amount, rate_date, features, feature_set, score, action,
  alert, sampled, sample_probability, reasons, model, policy, backend, received, decided`.split(/,\s*/)

type Made = { values: Value[]; links: Value[][]; entities: Value[] }

/** Transaction number `n` of `total`, which spread evenly over a year; customers, merchants and devices are drawn with a skew. */
function make(n: number, total: number): Made {
  const skewed = (most: number) => Math.floor(most * Math.random() ** 2)
  const customer = `c_${(skewed(20_000) * 7919).toString(36).padStart(20, '0')}`
  const counterparty = `m_${skewed(5000).toString(36).padStart(12, '0')}`
  const device = `d_${(skewed(20_000) * 7919).toString(36).padStart(20, '0')}`
  const time = firstInstant + Math.floor((n / total) * 365 * day)
  const id = `t_${n.toString(36).padStart(8, '0')}_${randomBytes(8).toString('hex')}`
  const event = {
    id,
    tenant: 'bank',
    kind: 'authorization',
    instrument: customer,
    direction: 'debit',
    counterparty,
    category: '5411',
    amount: 1234 + (n % 9999),
    currency: 'EUR',
  }
  const rest = {
    time: new Date(time).toISOString(),
    entryMode: 'contactless',
    channel: 'pos',
    device,
    ip: '192.0.2.17',
    place: { lat: 48.2, lon: 16.37 },
    country: 'AT',
  }
  const values = [
    'bank',
    customer,
    time,
    id,
    Buffer.from(JSON.stringify({ ...event, ...rest })),
    randomBytes(16),
    n % 4,
    0,
    n,
    n,
    n,
    1234,
    null,
    randomBytes(4 * width),
  ]
  const decided = [Buffer.alloc(8), Math.random(), 0, 0, 0, null, null, 1, 1, 0, time, time + 5]
  const links = [counterparty, device].map((entity) => ['bank', entity, time, id, customer])
  return { values: [...values, ...decided], links, entities: [counterparty, device] }
}

const marks = (rows: number, wide: number) =>
  Array(rows)
    .fill(`(${Array(wide).fill('?').join(',')})`)
    .join(',')

/** Writes a batch in one transaction of prepared statements; returns microseconds a row. */
async function write(connection: PoolConnection, way: Way, batch: Made[]): Promise<number> {
  const names = way.entities ? [...columns, 'counterparty', 'device'] : columns
  const values = batch.flatMap((r) => (way.entities ? [...r.values, ...r.entities] : r.values))
  const links = way.side ? batch.flatMap((r) => r.links) : []
  const began = performance.now()
  await connection.query('BEGIN')
  await connection.execute(`INSERT INTO ${way.name} (${names.join(', ')}) VALUES ${marks(batch.length, names.length)}`, values)
  if (links.length > 0) await connection.execute(`INSERT INTO narrow_links VALUES ${marks(links.length, 5)}`, links.flat())
  await connection.query('COMMIT')
  return ((performance.now() - began) * 1000) / batch.length
}

const quarter = (numbers: number[], q: number) => [...numbers].sort((a, b) => a - b)[Math.floor((numbers.length * q) / 4)]
const say = (line: string) => process.stdout.write(`${line}\n`)

/** The median time of a query, and its plan. */
async function ask(database: Database, title: string, sql: string, values: Value[], times: number): Promise<void> {
  const took: number[] = []
  let rows = 0
  for (let i = 0; i < times; i++) {
    const began = performance.now()
    rows = (await database.query(sql, values)).length
    took.push(performance.now() - began)
  }
  say(`\n${title}: ${quarter(took, 2).toFixed(2)} ms, ${rows} rows`)
  const plan = await database.query<Record<string, string>>(`EXPLAIN ${sql}`, values)
  for (const step of plan)
    say(
      `    ${Object.values(step)
        .map((v) => String(v).slice(0, 170))
        .join(' | ')}`,
    )
}

const until = Date.UTC(2025, 11, 31)

async function questions(database: Database, table: string, known: Made[]): Promise<void> {
  const some = known.slice(-64)
  const customers = [...new Set(some.map((r) => r.values[1]))] as string[]
  const ids = some.map((r) => r.values[3]) as string[]
  const horizon = until - 60 * day
  const month = [Date.UTC(2025, 5, 1), Date.UTC(2025, 6, 1)]
  await ask(
    database,
    `${table}: history of one customer, 60 days`,
    `SELECT * FROM ${table} WHERE tenant = ? AND customer = ? AND time >= ? ORDER BY time, id`,
    ['bank', customers[0], horizon],
    100,
  )
  await ask(
    database,
    `${table}: all of one customer, newest 50`,
    `SELECT * FROM ${table} WHERE tenant = ? AND customer = ? ORDER BY time DESC LIMIT 50`,
    ['bank', customers[0]],
    100,
  )
  await ask(
    database,
    `${table}: history of ${customers.length} customers, 60 days`,
    `SELECT * FROM ${table} WHERE tenant = ? AND customer IN (${customers.map(() => '?')}) AND time >= ?`,
    ['bank', ...customers, horizon],
    50,
  )
  await ask(database, `${table}: one decision by id`, `SELECT * FROM ${table} WHERE tenant = ? AND id = ?`, ['bank', ids[0]], 100)
  await ask(
    database,
    `${table}: 64 decisions by id`,
    `SELECT * FROM ${table} WHERE tenant = ? AND id IN (${ids.map(() => '?')})`,
    ['bank', ...ids],
    50,
  )
  await ask(
    database,
    `${table}: a month`,
    `SELECT COUNT(*), AVG(score) FROM ${table} WHERE tenant = ? AND time >= ? AND time < ?`,
    ['bank', ...month],
    5,
  )
}

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
