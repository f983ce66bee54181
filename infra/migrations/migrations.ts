/**
 * The schema, step by step. DDL is not transactional, so a step is one statement that can be run again. TiDB's own clauses stand in
 * comments that other servers skip. All text is ASCII compared byte by byte, all instants are milliseconds since 1970 in UTC, and a
 * tenant's rows begin with the tenant. `docs/decisions.md` says which question each key answers and what it costs.
 */
import { byMonth } from './months.ts'

const text = (size: number) => `VARCHAR(${size}) CHARACTER SET ascii COLLATE ascii_bin`
const free = (size: number) => `VARCHAR(${size}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`
/** Unique across all partitions, not in each. */
const global = '/*T![global_index] GLOBAL */'
const clustered = '/*T![clustered_index] CLUSTERED */'

export type Migration = { id: number; name: string; sql: string }

const table = (name: string, body: string, after = '') => ({
  name: `table ${name}`,
  sql: `CREATE TABLE IF NOT EXISTS ${name} (${body}) ${after}`.trimEnd(),
})

const column = (of: string, definition: string) => ({
  name: `column ${definition.split(' ')[0]} of ${of}`,
  sql: `ALTER TABLE ${of} ADD COLUMN IF NOT EXISTS ${definition}`,
})

const steps: Omit<Migration, 'id'>[] = [
  table(
    'tenants',
    `tenant ${text(32)} NOT NULL, name ${free(140)} NOT NULL, partitions INT NOT NULL, created BIGINT NOT NULL, disabled BIGINT NULL,
     PRIMARY KEY (tenant) ${clustered}`,
  ),
  table(
    'tenant_settings',
    `tenant ${text(32)} NOT NULL, version INT NOT NULL, settings MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL, created BIGINT NOT NULL,
     created_by ${free(64)} NOT NULL, PRIMARY KEY (tenant, version) ${clustered}`,
  ),
  table(
    'api_keys',
    `id ${text(32)} NOT NULL, tenant ${text(32)} NOT NULL, name ${free(140)} NOT NULL, hash BINARY(32) NOT NULL, created BIGINT NOT NULL,
     revoked BIGINT NULL, PRIMARY KEY (id) ${clustered}, KEY by_tenant (tenant)`,
  ),
  table(
    'users',
    `name ${text(64)} NOT NULL, tenant ${text(32)} NULL, role ${text(16)} NOT NULL, password ${text(255)} NOT NULL, created BIGINT NOT NULL,
     disabled BIGINT NULL, PRIMARY KEY (name) ${clustered}`,
  ),
  table(
    'transactions',
    `tenant ${text(32)} NOT NULL, customer ${text(64)} NOT NULL, time BIGINT NOT NULL, id ${text(64)} NOT NULL,
     event BLOB NOT NULL, content_hash BINARY(16) NOT NULL, part SMALLINT NOT NULL, log SMALLINT NOT NULL, log_offset BIGINT NOT NULL,
     outcomes_to BIGINT NOT NULL, parties_to BIGINT NOT NULL, base_amount BIGINT NOT NULL, rate_date INT NULL, features VARBINARY(1024) NOT NULL, feature_set BINARY(8) NOT NULL,
     score DOUBLE NOT NULL, action TINYINT NOT NULL, alert TINYINT NOT NULL, sampled TINYINT NOT NULL, sample_probability DOUBLE NULL,
     reasons BLOB NULL, model INT NOT NULL, policy INT NOT NULL, backend TINYINT NOT NULL, received BIGINT NOT NULL, decided BIGINT NOT NULL,
     PRIMARY KEY (tenant, customer, time, id) ${clustered}, UNIQUE KEY by_id (tenant, id) ${global},
     KEY by_place (tenant, part, log, log_offset)`,
    byMonth(Date.now()),
  ),
  table(
    'progress',
    `tenant ${text(32)} NOT NULL, topic ${text(16)} NOT NULL, part SMALLINT NOT NULL, log SMALLINT NOT NULL, epoch BIGINT NOT NULL,
     next_offset BIGINT NOT NULL, last_record BINARY(16) NULL, owner ${text(64)} NOT NULL, updated BIGINT NOT NULL,
     PRIMARY KEY (tenant, topic, part) ${clustered}`,
  ),
  table(
    'dead_letters',
    `tenant ${text(32)} NOT NULL, topic ${text(16)} NOT NULL, log SMALLINT NOT NULL, part SMALLINT NOT NULL, log_offset BIGINT NOT NULL,
     reason ${text(64)} NOT NULL, detail ${free(2000)} NOT NULL, record_key VARBINARY(1024) NULL, record_value MEDIUMBLOB NULL,
     received BIGINT NOT NULL, recorded BIGINT NOT NULL, resent BIGINT NULL, PRIMARY KEY (tenant, topic, log, part, log_offset) ${clustered}`,
  ),
  table(
    'set_aside',
    `tenant ${text(32)} NOT NULL, topic ${text(16)} NOT NULL, log SMALLINT NOT NULL, part SMALLINT NOT NULL, log_offset BIGINT NOT NULL,
     outcome ${text(16)} NOT NULL, id ${text(64)} NOT NULL, recorded BIGINT NOT NULL, PRIMARY KEY (tenant, topic, log, part, log_offset) ${clustered}`,
  ),
  table(
    'customers',
    `tenant ${text(32)} NOT NULL, customer ${text(64)} NOT NULL, valid_from BIGINT NOT NULL, lat DOUBLE NULL, lon DOUBLE NULL, country ${text(2)} NULL,
     zone ${text(64)} NULL, opened BIGINT NULL, limit_minor BIGINT NULL, currency ${text(3)} NULL, received BIGINT NOT NULL, position BIGINT NOT NULL,
     PRIMARY KEY (tenant, customer, valid_from, position) ${clustered}`,
  ),
  table(
    'instruments',
    `tenant ${text(32)} NOT NULL, instrument ${text(64)} NOT NULL, valid_from BIGINT NOT NULL, customer ${text(64)} NOT NULL, type ${text(16)} NULL,
     opened BIGINT NULL, limit_minor BIGINT NULL, currency ${text(3)} NULL, received BIGINT NOT NULL, position BIGINT NOT NULL,
     PRIMARY KEY (tenant, instrument, valid_from, customer, position) ${clustered}`,
  ),
  table(
    'outcomes',
    `tenant ${text(32)} NOT NULL, customer ${text(64)} NOT NULL, happened_at BIGINT NOT NULL, id ${text(64)} NOT NULL, result ${text(16)} NOT NULL,
     transaction_id ${text(64)} NOT NULL, reason ${free(140)} NULL, known_at BIGINT NOT NULL, position BIGINT NOT NULL,
     PRIMARY KEY (tenant, customer, happened_at, id, result) ${clustered}`,
  ),
  table(
    'labels',
    `tenant ${text(32)} NOT NULL, transaction_id ${text(64)} NOT NULL, known_at BIGINT NOT NULL, id ${text(64)} NOT NULL, value ${text(16)} NOT NULL,
     source ${text(16)} NOT NULL, happened_at BIGINT NOT NULL, supersedes ${text(64)} NULL, said_by ${free(64)} NULL, note ${free(2000)} NULL,
     received BIGINT NOT NULL, PRIMARY KEY (tenant, transaction_id, known_at, id) ${clustered}, UNIQUE KEY by_id (tenant, id)`,
  ),
  table(
    'label_moves',
    `tenant ${text(32)} NOT NULL, part SMALLINT NOT NULL, log SMALLINT NOT NULL, log_offset BIGINT NOT NULL, counterparty ${text(64)} NULL,
     device ${text(64)} NULL, ip ${text(45)} NULL, value ${text(16)} NOT NULL, known_at BIGINT NOT NULL, old_value ${text(16)} NULL, old_known_at BIGINT NULL,
     PRIMARY KEY (tenant, part, log, log_offset) ${clustered}`,
  ),
  table(
    'waiting_labels',
    `tenant ${text(32)} NOT NULL, transaction_id ${text(64)} NOT NULL, id ${text(64)} NOT NULL, part SMALLINT NOT NULL, record_value MEDIUMBLOB NOT NULL,
     received BIGINT NOT NULL, look_at BIGINT NOT NULL, PRIMARY KEY (tenant, transaction_id, id) ${clustered}, KEY due (tenant, part, look_at)`,
  ),
  table(
    'outbox',
    `id ${text(64)} NOT NULL, topic ${text(96)} NOT NULL, record_key ${text(192)} NOT NULL, record_value MEDIUMBLOB NOT NULL, created BIGINT NOT NULL,
     PRIMARY KEY (id) ${clustered}`,
  ),
  table(
    'cases',
    `tenant ${text(32)} NOT NULL, id ${text(32)} NOT NULL, customer ${text(64)} NOT NULL, state ${text(16)} NOT NULL, open_customer ${text(64)} NULL,
     step INT NOT NULL, due_at BIGINT NULL, assignee ${text(64)} NULL, disposition ${text(16)} NULL, note ${free(2000)} NULL, sample TINYINT NOT NULL DEFAULT 0,
     max_score DOUBLE NOT NULL, amount_minor BIGINT NOT NULL, currency ${text(3)} NOT NULL, opened BIGINT NOT NULL, claimed BIGINT NULL, closed BIGINT NULL,
     PRIMARY KEY (tenant, id) ${clustered}, UNIQUE KEY one_open (tenant, open_customer), KEY due (state, due_at), KEY by_state (tenant, state, opened)`,
  ),
  table(
    'case_transactions',
    `tenant ${text(32)} NOT NULL, case_id ${text(32)} NOT NULL, transaction_id ${text(64)} NOT NULL, customer ${text(64)} NOT NULL, alert BLOB NOT NULL,
     added BIGINT NOT NULL, PRIMARY KEY (tenant, case_id, transaction_id) ${clustered}, UNIQUE KEY one_case (tenant, transaction_id)`,
  ),
  table(
    'case_history',
    `tenant ${text(32)} NOT NULL, case_id ${text(32)} NOT NULL, id ${text(32)} NOT NULL, at BIGINT NOT NULL, actor ${text(64)} NOT NULL, event ${text(32)} NOT NULL,
     detail MEDIUMTEXT CHARACTER SET utf8mb4 NULL, PRIMARY KEY (tenant, case_id, id) ${clustered}`,
  ),
  table(
    'notifications',
    `tenant ${text(32)} NOT NULL, case_id ${text(32)} NOT NULL, step INT NOT NULL, channel ${text(16)} NOT NULL, body MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
     created BIGINT NOT NULL, sent BIGINT NULL, attempts INT NOT NULL DEFAULT 0, PRIMARY KEY (tenant, case_id, step, channel) ${clustered}, KEY unsent (sent, created)`,
  ),
  table(
    'models',
    `version INT NOT NULL, name ${text(64)} NOT NULL, state ${text(16)} NOT NULL, manifest MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL, artefact LONGBLOB NOT NULL,
     sha256 BINARY(32) NOT NULL, created BIGINT NOT NULL, created_by ${free(64)} NOT NULL, PRIMARY KEY (version) ${clustered}, UNIQUE KEY by_sha (sha256)`,
  ),
  table(
    'model_history',
    `version INT NOT NULL, id ${text(32)} NOT NULL, at BIGINT NOT NULL, state ${text(16)} NOT NULL, actor ${free(64)} NOT NULL, reason ${free(2000)} NOT NULL,
     PRIMARY KEY (version, id) ${clustered}`,
  ),
  table(
    'currency_rates',
    `base ${text(3)} NOT NULL, currency ${text(3)} NOT NULL, date INT NOT NULL COMMENT 'yyyymmdd', rate DECIMAL(24, 12) NOT NULL COMMENT 'base units for one unit of currency',
     PRIMARY KEY (base, currency, date) ${clustered}`,
  ),
  column('models', 'share DOUBLE NULL'),
  column('transactions', 'challengers VARBINARY(36) NULL'),
  table(
    'recomputed_features',
    `tenant ${text(32)} NOT NULL, feature_set BINARY(8) NOT NULL, id ${text(64)} NOT NULL, features VARBINARY(1024) NOT NULL, computed BIGINT NOT NULL,
     PRIMARY KEY (tenant, feature_set, id) ${clustered}`,
  ),
  table(
    'training_runs',
    `id ${text(32)} NOT NULL, tenants MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL, tenant_set ${text(40)} NOT NULL, going TINYINT NULL, cause ${text(16)} NOT NULL,
     asked_by ${free(64)} NOT NULL, reason ${free(2000)} NOT NULL, data_from BIGINT NOT NULL, state ${text(16)} NOT NULL, asked BIGINT NOT NULL, started BIGINT NULL,
     ended BIGINT NULL, owner ${text(96)} NULL, heartbeat BIGINT NULL, attempts INT NOT NULL, progress ${free(500)} NOT NULL, checkpoint LONGBLOB NULL,
     code ${text(64)} NULL, outcome ${free(2000)} NULL, figures MEDIUMTEXT CHARACTER SET utf8mb4 NULL, model INT NULL,
     PRIMARY KEY (id) ${clustered}, UNIQUE KEY one_going (tenant_set, going), KEY by_state (state, asked)`,
  ),
  {
    name: 'index of labels by arrival',
    sql: 'CREATE INDEX IF NOT EXISTS by_arrival ON labels (tenant, received)',
  },
  table(
    'drift',
    `tenant ${text(32)} NOT NULL, window_to BIGINT NOT NULL, model INT NOT NULL, window_from BIGINT NOT NULL, verdict ${text(16)} NOT NULL,
     alarm ${text(4096)} NOT NULL, watched MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL, computed BIGINT NOT NULL,
     PRIMARY KEY (tenant, window_to, model) ${clustered}`,
  ),
]

/** All migrations in order. A step that has been released is never changed; a change is a new step. */
export const migrations: readonly Migration[] = steps.map((step, i) => ({ id: i + 1, ...step }))
