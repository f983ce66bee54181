/** Who owns a partition and how far it has been decided: the row that every batch moves, and that keeps everyone else out. */
import { hash, randomInt } from 'node:crypto'
import { format } from 'mysql2'
import type { Connection, Database } from '../../shared/tidb/database.ts'
import type { Input, Raw } from '../batch.ts'

export type Claim = { epoch: number; nextOffset: number; log: number; lastRecord: Buffer | null; intact: boolean }

type Row = { epoch: number; next_offset: number; log: number; last_record: Buffer | null; owner: string }

/** 16 bytes that tell a record from any other in its place: a topic that was made anew has others. */
export const recordHash = (raw: Pick<Raw, 'received' | 'value'>): Buffer =>
  hash('sha256', Buffer.concat([Buffer.from(`${raw.received}:`), raw.value ?? Buffer.alloc(0)]), 'buffer').subarray(0, 16)

/**
 * Makes `owner` the only one whose batches of this partition are taken, by an epoch of its own. `intact` says that nobody else owned
 * it since `epochBefore`, so that what is in memory still holds. A partition that was never read begins at `beginning`.
 */
export async function claim(
  database: Database,
  place: { tenant: string; topic: Input; partition: number },
  owner: string,
  epochBefore: number | undefined,
  beginning: number,
): Promise<Claim> {
  const key = [place.tenant, place.topic, place.partition]
  // The row is locked before it is read: a batch whose COMMIT is under way is waited for, not overwritten.
  const locked = async (tx: Connection): Promise<Row | undefined> => {
    const rows = await tx.query<Row>(
      'SELECT epoch, next_offset, log, last_record, owner FROM progress WHERE tenant = ? AND topic = ? AND part = ? FOR UPDATE',
      key,
    )
    return rows[0]
  }
  return database.transaction(async (tx) => {
    let row = await locked(tx)
    if (!row) {
      await tx.execute(
        'INSERT IGNORE INTO progress (tenant, topic, part, log, epoch, next_offset, last_record, owner, updated) VALUES (?, ?, ?, 0, 0, ?, NULL, ?, ?)',
        [...key, beginning, owner, Date.now()],
      )
      row = (await locked(tx)) as Row
    }
    // Raised by a number drawn by lot: the stack's TiDB now and then shows a commit of another claim only after this one has read, and two
    // that have read the same must not both own the partition.
    const epoch = row.epoch + 1 + randomInt(2 ** 20)
    await tx.execute('UPDATE progress SET epoch = ?, owner = ?, updated = ? WHERE tenant = ? AND topic = ? AND part = ?', [
      epoch,
      owner,
      Date.now(),
      ...key,
    ])
    return {
      epoch,
      nextOffset: row.next_offset,
      log: row.log,
      lastRecord: row.last_record,
      intact: row.epoch === epochBefore && row.owner === owner,
    }
  })
}

/** A partition's step in one batch: from the offset that progress must stand at, to the one after the batch's last record. */
export type Move = { tenant: string; topic: Input; partition: number; epoch: number; from: number; to: number; lastRecord: Buffer }

/**
 * The statement that moves progress inside the batch's transaction, all partitions at once. Where it changes fewer rows than there are moves, one is
 * not ours any more or stands elsewhere: then nothing may be written. Rows are named by their keys alone, which TiDB reads without making a plan: with
 * the guards beside the keys the statement took twice as long. A row whose guard does not hold stays as it is, and counts as found, not as changed.
 */
export function advance(moves: readonly Move[]): string {
  const guarded = (column: string, value: string) =>
    `${column} = CASE ${moves
      .map(() => `WHEN tenant = ? AND topic = ? AND part = ? AND epoch = ? AND next_offset = ? THEN ${value}`)
      .join(' ')} ELSE ${column} END`
  const guard = (m: Move) => [m.tenant, m.topic, m.partition, m.epoch, m.from]
  const now = Date.now()
  // MariaDB assigns in this order, and the guards look at next_offset: it is the last.
  return format(
    `UPDATE progress SET ${guarded('last_record', '?')}, ${guarded('updated', '?')}, ${guarded('next_offset', '?')}
     WHERE (tenant, topic, part) IN (${moves.map(() => '(?, ?, ?)').join(', ')})`,
    [
      ...moves.flatMap((m) => [...guard(m), m.lastRecord]),
      ...moves.flatMap((m) => [...guard(m), now]),
      ...moves.flatMap((m) => [...guard(m), m.to]),
      ...moves.flatMap((m) => [m.tenant, m.topic, m.partition]),
    ],
  )
}

/** Where a batch stands whose progress could not be moved, or whose COMMIT was not answered; `by` are the steps that are not ours any more. */
export type Standing = { stands: 'written' | 'not_written' } | { stands: 'fenced'; by: Move[] }

export async function standing(database: Connection, moves: readonly Move[]): Promise<Standing> {
  const written: Move[] = []
  const by: Move[] = []
  for (const m of moves) {
    const [row] = await database.query<Row>('SELECT epoch, next_offset FROM progress WHERE tenant = ? AND topic = ? AND part = ?', [
      m.tenant,
      m.topic,
      m.partition,
    ])
    if (row?.epoch !== m.epoch) by.push(m)
    else if (row.next_offset === m.to) written.push(m)
    else if (row.next_offset !== m.from) by.push(m)
  }
  if (by.length > 0) return { stands: 'fenced', by }
  if (written.length === moves.length) return { stands: 'written' }
  // One transaction moves all or none, so that some of them were moved by somebody else.
  return written.length > 0 ? { stands: 'fenced', by: written } : { stands: 'not_written' }
}
