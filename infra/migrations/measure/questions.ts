/** The questions that are asked of the table, how long each takes, and by what plan. */
import type { Database, Value } from '../../../services/shared/tidb/database.ts'
import type { Made } from './rows.ts'

const day = 86_400_000
const until = Date.UTC(2025, 11, 31)

/** A quartile of numbers: the median where `q` is 2. */
export const quarter = (numbers: number[], q: number) => [...numbers].sort((a, b) => a - b)[Math.floor((numbers.length * q) / 4)]
export const say = (line: string) => process.stdout.write(`${line}\n`)

/** The median time of a query, and its plan. */
export async function ask(database: Database, title: string, sql: string, values: Value[], times: number): Promise<void> {
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

/** Asks all of a table, about some of the transactions that were written last. */
export async function questions(database: Database, table: string, known: Made[]): Promise<void> {
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
