/** Apache Flink over the same stream as Assay: three ways to hand on what was decided, each a job in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { tenantTopic } from '../../services/shared/events.ts'
import type { Bank } from '../bank.ts'
import { endDetector } from '../detector.ts'

/** By their names. */
export const variants = {
  'Flink at least once': { guarantee: 'AT_LEAST_ONCE', table: false },
  'Flink exactly once': { guarantee: 'EXACTLY_ONCE', table: false },
  'Flink with TiDB': { guarantee: 'AT_LEAST_ONCE', table: true },
} as const
export type Variant = keyof typeof variants

/** As the pom pins it. */
export const flinkVersion = /<flink>(.+)<\/flink>/.exec(
  readFileSync(join(dirname(fileURLToPath(import.meta.url)), 'flink', 'pom.xml'), 'utf8'),
)?.[1]

/** How Flink runs. One batch of rows is written when so many are there, or so long after the first. */
export const settings = { parallelism: 2, heapMb: 1536, directMb: 512, checkpointMs: 1000, batch: 256, batchMs: 200 } as const

const table = 'flink_decisions'
const ascii = (size: number) => `VARCHAR(${size}) CHARACTER SET ascii COLLATE ascii_bin NOT NULL`
/** With the keys of Assay's own table, but for the one that finds a row by its place in the log; and not divided by months. */
const createTable = `CREATE TABLE ${table} (tenant ${ascii(32)}, customer ${ascii(64)}, time BIGINT NOT NULL, id ${ascii(64)}, event BLOB NOT NULL,
  features VARBINARY(64) NOT NULL, score DOUBLE NOT NULL, action ${ascii(16)}, decided BIGINT NOT NULL,
  PRIMARY KEY (tenant, customer, time, id) /*T![clustered_index] CLUSTERED */, UNIQUE KEY by_id (tenant, id))`

/** One who works, in a process that its CPU time is listed under. */
export type Started = {
  process: 'assay' | 'flink'
  child: ChildProcess
  /** The topic that it decides into. */
  decisions: string
  /** Resolves when it has written so many rows, where it writes any; rejects when they are not there after a while. */
  allRows(count: number): Promise<void>
  /** Ends it and removes what it made. */
  end(): Promise<void>
}

/** Starts the job in `jar` on the bank's transactions, with a topic and, where it writes rows, a table of its own. */
export async function startFlink(jar: string, variant: Variant, { bus, config, database, tenant }: Bank): Promise<Started> {
  const { guarantee, table: writesRows } = variants[variant]
  const transactions = tenantTopic(tenant, 'transactions')
  const decisions = `${transactions}.flink`
  const admin = await bus.admin()
  if (writesRows) await database.execute(createTable)
  // A broker may not know for a moment that it leads what it has just made; the job takes longer than that to start.
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic: decisions, numPartitions: 4 }] })
  const checkpoints = mkdtempSync(join(tmpdir(), 'assay-flink-'))
  const { host, port, user, password, database: name } = config.sql
  const url = `jdbc:mysql://${host}:${port}/${name}?useServerPrepStmts=true&cachePrepStmts=true&rewriteBatchedStatements=true`
  const job = {
    kafka: config.kafka.join(','),
    in: transactions,
    out: decisions,
    guarantee,
    parallelism: settings.parallelism,
    checkpoints: pathToFileURL(checkpoints).href,
    'checkpoint-ms': settings.checkpointMs,
    ...(writesRows ? { table, url, batch: settings.batch, 'batch-ms': settings.batchMs } : {}),
  }
  const memory = [`-Xmx${settings.heapMb}m`, `-XX:MaxDirectMemorySize=${settings.directMb}m`]
  const args = Object.entries(job).flatMap(([option, value]) => [`--${option}`, String(value)])
  const child = spawn('java', [...memory, '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-jar', jar, ...args], {
    // The job ends when its standard input does.
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { ...process.env, FLINK_SQL_USER: user, FLINK_SQL_PASSWORD: password },
  })
  return {
    process: 'flink',
    child,
    decisions,
    async allRows(count) {
      if (!writesRows) return
      for (const deadline = Date.now() + 10_000; ; await sleep(settings.batchMs)) {
        const [{ n }] = await database.query<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`)
        if (n === count) return
        if (Date.now() > deadline) throw new Error(`Flink has written ${n} of ${count} rows`)
      }
    },
    async end() {
      await endDetector(child)
      rmSync(checkpoints, { recursive: true, force: true })
      await admin.deleteTopics({ topics: [decisions] })
      if (writesRows) await database.execute(`DROP TABLE ${table}`)
    },
  }
}
