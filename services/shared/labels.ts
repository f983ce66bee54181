/** Labels in two times: when something happened, and since when it is known. What was said is never changed, only followed by something newer. */
import type { Connection } from './database.ts'
import type { Label } from './events.ts'

export type KnownLabel = {
  id: string
  value: Label['value']
  source: Label['source']
  /** Milliseconds since 1970. */
  happenedAt: number
  knownAt: number
  supersedes: string | null
  by: string | null
  note: string | null
}

const columns = 'id, value, source, happened_at AS happenedAt, known_at AS knownAt, supersedes, said_by AS `by`, note'

/** All that was said of a transaction and was known at an instant (milliseconds since 1970), the newest first. */
export const labelsAsOf = (database: Connection, tenant: string, transaction: string, at: number): Promise<KnownLabel[]> =>
  database.query<KnownLabel>(
    `SELECT ${columns} FROM labels WHERE tenant = ? AND transaction_id = ? AND known_at <= ? ORDER BY known_at DESC, id DESC`,
    [tenant, transaction, at],
  )

/** What held of a transaction at an instant: the label that was known last, of two of the same moment the one with the greater id. */
export const labelAsOf = async (database: Connection, tenant: string, transaction: string, at: number): Promise<KnownLabel | undefined> =>
  (await labelsAsOf(database, tenant, transaction, at))[0]
