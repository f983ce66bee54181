/** Fifth step: one TiDB transaction writes what became of every record of the batch and moves progress, or nothing is written. */
import type { PoolConnection } from 'mysql2/promise'
import {
  backoff,
  type Connection,
  type Database,
  isConnectionLost,
  isDuplicate,
  isRefusal,
  isRetriable,
  type Value,
} from '../shared/database.ts'
import { messageOf } from '../shared/errors.ts'
import { encodeReasons } from '../shared/row-bytes.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import { type Decided, positionOf, type Raw, type Verdict } from './batch.ts'
import { type LabelStanding, moveColumns } from './counters/labels.ts'
import type { Prepared } from './decide.ts'
import { advance, type Move, type Standing, standing } from './intake/progress.ts'

/** A record whose values the database refuses, and in what words. */
export type Refused = { raw: Raw; detail: string }

export type Recorded =
  | { result: 'recorded' }
  /** Another owner has the partitions of `by`; nothing was written. */
  | { result: 'fenced'; by: Move[] }
  /** An id of the batch has been decided under another customer or before the horizon; nothing was written. */
  | { result: 'taken' }
  /** The database will never take what these records say; nothing was written. */
  | { result: 'refused'; refused: Refused[] }
  /** The detector stops before the database came back; nothing is known of the last attempt. */
  | { result: 'abandoned' }

export type Recorder = {
  record(verdicts: readonly Verdict[], moves: readonly Move[]): Promise<Recorded>
  /** What keeps the database from taking batches, if anything. */
  problem(): string | undefined
  /** From now on a batch that the database does not take is abandoned instead of tried again. */
  endRetries(): void
  stop(): Promise<void>
}

const columns =
  'tenant, customer, time, id, event, content_hash, part, log, log_offset, outcomes_to, parties_to, base_amount, rate_date, features, feature_set, score, action, ' +
  'alert, sampled, sample_probability, reasons, challengers, model, policy, backend, received, decided'
const width = columns.split(',').length
const places = `(${'?,'.repeat(width).slice(0, -1)})`
const head = `INSERT INTO transactions (${columns}) VALUES `
/** Rows of one statement: few sizes, so that few are prepared, and near enough to each other that three statements hold most batches. */
const sizes = [512, 448, 384, 320, 256, 224, 192, 160, 128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1]
const statements = new Map<number, string>()
const insertOf = (rows: number): string => {
  let statement = statements.get(rows)
  if (!statement) {
    statement = head + `${places},`.repeat(rows).slice(0, -1)
    statements.set(rows, statement)
  }
  return statement
}

/**
 * Inserts decided transactions by prepared statements of few sizes. Numbers go as text, since mysql2 sends a number as DOUBLE, and what is
 * not there goes as nothing instead of NULL: TiDB plans anew where the types of values are others than before.
 */
export async function insertDecided(connection: PoolConnection, rows: readonly Decided[], featureSet: Buffer): Promise<void> {
  for (let from = 0; from < rows.length; ) {
    const left = rows.length - from
    const n = sizes.find((size) => size <= left) as number
    const values = new Array<Value>(n * width)
    let v = 0
    for (let i = from; i < from + n; i++) {
      const r = rows[i]
      values[v++] = r.raw.tenant
      values[v++] = r.customer
      values[v++] = String(r.time)
      values[v++] = r.id
      values[v++] = r.event
      values[v++] = r.contentHash
      values[v++] = String(r.raw.partition)
      values[v++] = String(r.raw.log)
      values[v++] = String(r.raw.offset)
      values[v++] = String(r.applied.outcomes)
      values[v++] = String(r.applied.parties)
      values[v++] = String(r.baseAmount)
      values[v++] = String(r.rateDate ?? 0)
      values[v++] = r.features
      values[v++] = featureSet
      values[v++] = String(r.score)
      values[v++] = String(r.action)
      values[v++] = r.alert ? '1' : '0'
      values[v++] = r.sampled ? '1' : '0'
      values[v++] = String(r.sampleProbability)
      values[v++] = encodeReasons(r.reasons)
      values[v++] = r.challengers
      values[v++] = String(r.model)
      values[v++] = String(r.policy)
      values[v++] = String(r.backend)
      values[v++] = String(r.raw.received)
      values[v++] = String(r.decided)
    }
    await connection.execute(insertOf(n), values as never)
    from += n
  }
}

const instant = (text: string | undefined): number | null => (text === undefined ? null : Date.parse(text))

/** The rows of everything that is not a decided transaction, by statement. */
function otherRows(verdicts: readonly Verdict[], now: number): Map<string, Value[][]> {
  const rows = new Map<string, Value[][]>()
  const add = (statement: string, row: Value[]) => {
    const list = rows.get(statement)
    if (list) list.push(row)
    else rows.set(statement, [row])
  }
  for (const v of verdicts) {
    const position = positionOf(v.raw.log, v.raw.offset)
    const place = [v.raw.tenant, v.raw.topic, v.raw.log, v.raw.partition, v.raw.offset]
    switch (v.kind) {
      case 'decided':
        break
      case 'duplicate':
      case 'moved':
        add('INSERT INTO set_aside (tenant, topic, log, part, log_offset, outcome, id, recorded) VALUES ?', [
          ...place,
          v.kind,
          v.id.slice(0, 64),
          now,
        ])
        break
      case 'dead_letter':
        add(
          'INSERT INTO dead_letters (tenant, topic, log, part, log_offset, reason, detail, record_key, record_value, received, recorded) VALUES ?',
          [...place, v.reason, v.detail, v.raw.key?.subarray(0, 1024) ?? null, v.value, v.raw.received, v.at],
        )
        break
      case 'outcome': {
        const o = v.outcome
        add(
          'INSERT IGNORE INTO outcomes (tenant, customer, happened_at, id, result, transaction_id, reason, known_at, position) VALUES ?',
          [o.tenant, o.customer, v.happened, o.id, o.result, o.transaction, o.reason ?? null, v.raw.received, position],
        )
        break
      }
      case 'label': {
        const l = v.label
        add(
          'INSERT IGNORE INTO labels (tenant, transaction_id, known_at, id, value, source, happened_at, supersedes, said_by, note, received) VALUES ?',
          [
            l.tenant,
            l.transaction,
            Date.parse(l.knownAt),
            l.id,
            l.value,
            l.source,
            Date.parse(l.happenedAt),
            l.supersedes ?? null,
            l.by ?? null,
            l.note ?? null,
            v.raw.received,
          ],
        )
        const { waits, waited, move } = v.standing as LabelStanding
        if (move)
          add(
            `INSERT INTO label_moves (${moveColumns.join(', ')}) VALUES ?`,
            moveColumns.map((column) => move[column]),
          )
        const waiting = [l.tenant, l.transaction, l.id]
        if (waits && !waited)
          add('INSERT IGNORE INTO waiting_labels (tenant, transaction_id, id, part, record_value, received, look_at) VALUES ?', [
            ...waiting,
            v.raw.partition,
            v.raw.value,
            v.raw.received,
            now,
          ])
        if (waited && !waits) add('DELETE FROM waiting_labels WHERE (tenant, transaction_id, id) IN (?)', waiting)
        break
      }
      case 'party': {
        const p = v.party
        const common = [Date.parse(p.validFrom), instant(p.opened), p.limit ?? null, p.currency ?? null, v.raw.received, position]
        if (p.instrument === undefined) {
          add(
            'INSERT INTO customers (tenant, customer, valid_from, opened, limit_minor, currency, received, position, lat, lon, country, zone) VALUES ?',
            [p.tenant, p.customer, ...common, p.home?.lat ?? null, p.home?.lon ?? null, p.country ?? null, p.zone ?? null],
          )
        } else {
          add(
            'INSERT INTO instruments (tenant, instrument, valid_from, opened, limit_minor, currency, received, position, customer, type) VALUES ?',
            [p.tenant, p.instrument, ...common, p.customer, p.type ?? null],
          )
        }
      }
    }
  }
  return rows
}

/**
 * Settings of a connection that writes batches; other servers than TiDB skip those of TiDB. Conflicts and taken ids show at COMMIT, which
 * saves a look at every row. Plans are kept for statements of any number of parameters, where TiDB keeps those of up to 200
 * (fix control 44823): half of the work for each row. The first statement after a COMMIT begins the next transaction.
 */
export async function prepareForWriting(connection: PoolConnection): Promise<void> {
  await connection.query("SET /*T! tidb_txn_mode = 'optimistic', tidb_opt_fix_control = '44823:0', */ autocommit = 0")
}

/** Conflicts of one batch after which they are said to last. */
const lastingConflict = 10

/** Makes the recorder. `featureSet` is the hash of the feature definitions, 8 bytes. */
export function createRecorder(database: Database, telemetry: Telemetry, featureSet: Buffer): Recorder {
  let connection: PoolConnection | undefined
  let stopped = false
  let problem: string | undefined

  const open = async (): Promise<PoolConnection> => {
    if (connection) return connection
    const made = await database.connect()
    await prepareForWriting(made)
    connection = made
    return made
  }
  const close = () => {
    connection?.destroy()
    connection = undefined
  }
  const over = (c: PoolConnection): Connection => ({
    async query<Row>(sql: string, values?: readonly Value[]) {
      const [rows] = await c.query(sql, values as Value[])
      return rows as Row[]
    },
    async execute(sql, values) {
      const [result] = await c.query(sql, values as Value[])
      return result as { affectedRows: number }
    },
  })
  const attempt = async (verdicts: readonly Verdict[], moves: readonly Move[]): Promise<boolean> => {
    const c = await open()
    if (!(await advance(over(c), moves))) {
      await c.query('ROLLBACK')
      return false
    }
    await write(c, verdicts)
    await c.query('COMMIT')
    return true
  }
  const write = async (c: PoolConnection, verdicts: readonly Verdict[]) => {
    const decided = verdicts.flatMap((v) => (v.kind === 'decided' ? [v.row] : []))
    if (decided.length > 0) await insertDecided(c, decided, featureSet)
    if (decided.length < verdicts.length) {
      for (const [statement, rows] of otherRows(verdicts, Date.now())) await c.query(statement, [rows] as never)
    }
  }

  /** The records that are refused, found by halves that are written and taken back. */
  const refusedOf = async (verdicts: readonly Verdict[]): Promise<Refused[]> => {
    const c = await open()
    const refusal = await write(c, verdicts).then(
      () => undefined,
      (error: unknown) => {
        if (!isRefusal(error)) throw error
        return messageOf(error)
      },
    )
    await c.query('ROLLBACK')
    if (refusal === undefined) return []
    if (verdicts.length === 1) return [{ raw: verdicts[0].raw, detail: refusal }]
    const middle = verdicts.length >> 1
    return [...(await refusedOf(verdicts.slice(0, middle))), ...(await refusedOf(verdicts.slice(middle)))]
  }

  /** Progress that does not stand where it should was moved by another owner, or by an attempt of ours whose answer was lost. */
  const tryOnce = async (verdicts: readonly Verdict[], moves: readonly Move[]): Promise<Standing | { stands: 'taken' }> => {
    let taken = false
    try {
      if (await attempt(verdicts, moves)) return { stands: 'written' }
    } catch (error) {
      if (!isDuplicate(error)) throw error
      await connection?.query('ROLLBACK').catch(close)
      taken = true
    }
    // The row that is in the way may be our own, by an attempt whose answer was lost.
    const now = await standing(database, moves)
    return taken && now.stands === 'not_written' ? { stands: 'taken' } : now
  }

  return {
    problem: () => problem,
    async record(verdicts, moves) {
      let refusing = false
      for (let n = 0; ; n++) {
        try {
          if (refusing) {
            refusing = false
            const refused = await refusedOf(verdicts)
            // A dead letter that is refused has nowhere to go.
            if (refused.length > 0 && !refused.some(({ raw }) => verdicts.some((v) => v.raw === raw && v.kind === 'dead_letter')))
              return { result: 'refused', refused }
          }
          const now = await tryOnce(verdicts, moves)
          problem = undefined
          if (now.stands === 'written') return { result: 'recorded' }
          if (now.stands === 'fenced') return { result: 'fenced', by: now.by }
          if (now.stands === 'taken') return { result: 'taken' }
        } catch (error) {
          if (isRetriable(error)) {
            await connection?.query('ROLLBACK').catch(close)
            if (n >= lastingConflict) problem = `TiDB does not take batches: ${messageOf(error)}`
          } else {
            close()
            refusing = isRefusal(error)
            problem = `TiDB does not take batches: ${messageOf(error)}`
            telemetry.logger.warn({ reason: messageOf(error), lost: isConnectionLost(error) }, 'the batch was not recorded; trying again')
          }
        }
        if (stopped) return { result: 'abandoned' }
        await backoff(n)
      }
    },
    endRetries() {
      stopped = true
    },
    async stop() {
      stopped = true
      close()
    },
  }
}

/** The step: the recorder's transaction for a prepared batch. */
export function record(recorder: Recorder) {
  return function record(batch: Prepared): Promise<Recorded> {
    return recorder.record(batch.verdicts, batch.moves)
  }
}
