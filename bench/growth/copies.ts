/**
 * Many rows from some: what the detector has decided for a bank's customers is copied, inside the database, for other customers. A copy has all that
 * its row has (event, features, reasons), under another customer and another id. It lies in a log before the first, so that the counters, which
 * stand behind it, take no notice: what grows is what is stored, and nothing else.
 */
import type { Database, Value } from '../../services/shared/tidb/database.ts'

/** Rows of a statement, about. */
const together = 4000
/** Statements at a time. */
const workers = 3
/** The log of copies. */
const before = -1

/** What a copied row holds where it differs, as SQL, and the values of the marks in it, the customer's first. */
type Changed = { customer: string; values: readonly [customer: Value, id: Value] }

/** Copies the rows of `where` with these changes, and returns how many there were. */
async function insertCopies(
  database: Database,
  names: readonly string[],
  { customer, values }: Changed,
  where: string,
  of: readonly Value[],
): Promise<number> {
  const changed: Record<string, string> = { customer, id: 'CONCAT(?, id)', log: String(before) }
  const { affectedRows } = await database.execute(
    `INSERT INTO transactions (${names.join(', ')}) SELECT ${names.map((name) => changed[name] ?? name).join(', ')} FROM transactions WHERE ${where}`,
    [...values, ...of],
  )
  return affectedRows
}

/** The columns in their order: the customer comes before the id. */
const namesOf = async (database: Database): Promise<string[]> =>
  (
    await database.query<{ name: string }>(
      "SELECT column_name AS name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'transactions' ORDER BY ordinal_position",
    )
  ).map((c) => c.name)

/** The name of a customer's copy; 0 is the customer. */
export const copyOf = (customer: string, copy: number): string => (copy === 0 ? customer : `${copy}.${customer}`)

/** Ranges of the bank's own customers with about so many rows each. */
async function rangesOf(database: Database, tenant: string): Promise<{ first: string; last: string; rows: number }[]> {
  const customers = await database.query<{ customer: string; n: number }>(
    'SELECT customer, COUNT(*) AS n FROM transactions WHERE tenant = ? AND log >= 0 GROUP BY customer ORDER BY customer',
    [tenant],
  )
  const ranges: { first: string; last: string; rows: number }[] = []
  for (const { customer, n } of customers) {
    const range = ranges[ranges.length - 1]
    if (range && range.rows < together) Object.assign(range, { last: customer, rows: range.rows + n })
    else ranges.push({ first: customer, last: customer, rows: n })
  }
  return ranges
}

/** Copies all that is decided for the bank so many times, each time for as many other customers; `progress` is told how many rows there are so far. */
export async function copyRows(database: Database, tenant: string, copies: number, progress: (rows: number) => void): Promise<number> {
  const names = await namesOf(database)
  const ranges = await rangesOf(database, tenant)
  const work = Array.from({ length: copies }, (_, copy) => ranges.map((range) => ({ ...range, mark: `${copy + 1}.` }))).flat()
  let rows = 0
  const one = async () => {
    for (let next = work.shift(); next; next = work.shift()) {
      const { mark, first, last } = next
      const changed: Changed = { customer: 'CONCAT(?, customer)', values: [mark, mark] }
      // Added when it is known: others add to it meanwhile.
      const copied = await insertCopies(database, names, changed, 'tenant = ? AND log >= 0 AND customer BETWEEN ? AND ?', [
        tenant,
        first,
        last,
      ])
      rows += copied
      progress(rows)
    }
  }
  await Promise.all(Array.from({ length: workers }, one))
  return rows
}

/** Gives one customer so many transactions, which are copies of the bank's first ones. Throws where the bank has not so many. */
export async function copyFor(database: Database, tenant: string, customer: string, transactions: number): Promise<void> {
  const names = await namesOf(database)
  const changed: Changed = { customer: '?', values: [customer, `${customer}.`] }
  let rows = 0
  for (const { first, last } of await rangesOf(database, tenant)) {
    if (rows >= transactions) return
    const where = `tenant = ? AND log >= 0 AND customer BETWEEN ? AND ? ORDER BY customer, time, id LIMIT ${transactions - rows}`
    rows += await insertCopies(database, names, changed, where, [tenant, first, last])
  }
  if (rows < transactions) throw new Error(`the bank has ${rows} transactions to copy, not ${transactions}`)
}
