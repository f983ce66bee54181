/** The ways of keeping `transactions` that are compared. */
import { migrations } from '../migrations.ts'

/** Ends of the months of 2025, whose transactions are written. */
export const months = Array.from({ length: 12 }, (_, m) => Date.UTC(2025, m + 1, 1))

/** One way of keeping transactions: the migration's table, changed; `side` is written beside it in the same database transaction. */
export type Way = { name: string; what: string; change(sql: string): string; partitions?: true; side?: string; entities?: true }

/** The table in one piece, as MariaDB sees it. */
export const plain = (migrations.find((m) => m.name === 'table transactions')?.sql ?? '')
  .replace(' /*T![global_index] GLOBAL */', '')
  .replace(/\/\*T! PARTITION[\s\S]*\*\//, '')
  .replace(/,\s*KEY by_place [^)]*\)/, '')
  .trimEnd()
const withKey = (key: string) => (sql: string) => `${sql.slice(0, -1)}, ${key})`
const byMonth = `/*T! PARTITION BY RANGE (time) (${months.map((t, i) => `PARTITION m${i} VALUES LESS THAN (${t})`).join(', ')},
  PARTITION later VALUES LESS THAN (MAXVALUE)) */`

export const ways: Way[] = [
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
