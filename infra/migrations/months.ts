/**
 * Months of `transactions`: on TiDB the table is cut by the month of the transaction's time, so that a range of time reads its own months and an
 * old month is dropped as a whole. Rows before the first month lie in `earlier`, those after the last in `later`: no month that is
 * missing ever refuses a row. MariaDB, which cannot keep (tenant, id) unique across partitions, has the table in one piece.
 */

const ahead = 3
const behind = 2

type Month = { name: string; end: number }

/** The month that lies `offset` months after that of `instant`, in UTC: its partition's name and the instant at which it ends. */
function month(instant: number, offset: number): Month {
  const date = new Date(instant)
  const start = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + offset, 1))
  const name = `m${start.getUTCFullYear()}${String(start.getUTCMonth() + 1).padStart(2, '0')}`
  return { name, end: Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1) }
}

const partition = ({ name, end }: Month) => `PARTITION ${name} VALUES LESS THAN (${end})`
const later = 'PARTITION later VALUES LESS THAN (MAXVALUE)'

/** The clause that cuts a new table: two months back and three ahead of `now`. Other servers skip it. */
export function byMonth(now: number): string {
  const months = Array.from({ length: behind + ahead + 1 }, (_, i) => month(now, i - behind))
  const earlier = { name: 'earlier', end: month(now, -behind - 1).end }
  return `/*T! PARTITION BY RANGE (time) (${[earlier, ...months].map(partition).join(', ')}, ${later}) */`
}

/**
 * The statement that adds the months up to three ahead of `now`, given where the table's last month ends; undefined when they are there.
 * Rows that already lie in `later` are moved.
 */
export function addMonths(now: number, lastEnd: number): string | undefined {
  const missing: Month[] = []
  for (let next = month(lastEnd, 0); next.end <= month(now, ahead).end; next = month(next.end, 0)) missing.push(next)
  if (missing.length === 0) return undefined
  return `ALTER TABLE transactions REORGANIZE PARTITION later INTO (${missing.map(partition).join(', ')}, ${later})`
}
