/** Fifth step: one TiDB transaction writes what became of every record of the batch and moves progress, or nothing is written. */
import type { PoolConnection } from 'mysql2/promise'
import { messageOf } from '../shared/errors.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import { backoff, type Database, isConnectionLost, isDuplicate, isRefusal, isRetriable } from '../shared/tidb/database.ts'
import type { Decided, Raw, Verdict } from './batch.ts'
import type { Prepared } from './decide.ts'
import { advance, type Move, type Standing, standing } from './intake/progress.ts'
import { insertDecided, prepareForWriting } from './record/insert.ts'
import { otherRows } from './record/others.ts'

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
  const attempt = async (verdicts: readonly Verdict[], moves: readonly Move[]): Promise<boolean> => {
    const c = await open()
    const decided = decidedOf(verdicts)
    // Progress and rows in one go: nothing of either is there before COMMIT.
    const moved = await insertDecided(c, decided, featureSet, advance(moves))
    if (moved?.changedRows !== moves.length) {
      await c.query('ROLLBACK')
      return false
    }
    await writeOthers(c, verdicts, decided)
    await c.query('COMMIT')
    return true
  }
  const decidedOf = (verdicts: readonly Verdict[]): Decided[] => verdicts.flatMap((v) => (v.kind === 'decided' ? [v.row] : []))
  const writeOthers = async (c: PoolConnection, verdicts: readonly Verdict[], decided: readonly Decided[]) => {
    if (decided.length < verdicts.length) {
      for (const [statement, rows] of otherRows(verdicts, Date.now())) await c.query(statement, [rows] as never)
    }
  }

  /** The records that are refused, found by halves that are written and taken back. */
  const refusedOf = async (verdicts: readonly Verdict[]): Promise<Refused[]> => {
    const c = await open()
    const decided = decidedOf(verdicts)
    const writing = insertDecided(c, decided, featureSet).then(() => writeOthers(c, verdicts, decided))
    const refusal = await writing.then(
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
