/** Labels in two times: when something happened, and since when it is known. What was said is never changed, only followed by something newer. */
import { type Label, labelSources } from '../events.ts'
import type { Connection } from './database.ts'

type Judgement = Pick<Label, 'source'> & {
  /** When it says that it is known since, milliseconds since 1970. */ knownAt: number
  id: string
}

/**
 * Which of two labels of a transaction holds where they differ: that of the weightier source, of one source the one that says it is known since
 * later, of one instant the one with the greater id. Counters and training both go by this.
 */
export function prevails(a: Judgement, b: Judgement): boolean {
  const lighter = labelSources.indexOf(a.source) - labelSources.indexOf(b.source)
  if (lighter !== 0) return lighter < 0
  return a.knownAt > b.knownAt || (a.knownAt === b.knownAt && a.id > b.id)
}

/** Since when a label is known to us: nothing is before Kafka has it, whatever it says of itself. Milliseconds since 1970. */
export const knownSince = (knownAt: number, received: number): number => Math.max(knownAt, received)

/** What was said of a transaction; `since` is since when it is known. */
export type Said = Judgement & { value: Label['value']; since: number }
export type Standing = Pick<Said, 'value' | 'since'>

/** What counts of all that was said of a transaction, in whatever order it came: the value that holds, since it was first said. */
export function standingOf(said: readonly Said[]): Standing | undefined {
  if (said.length === 0) return undefined
  const { value } = said.reduce((a, b) => (prevails(b, a) ? b : a))
  return { value, since: Math.min(...said.filter((s) => s.value === value).map((s) => s.since)) }
}

/** Adds one more label to what was said, and tells what counts from now on and what counted before; undefined where that is the same. */
export function standingAfter(said: Said[], label: Said): { now: Standing; before: Standing | undefined } | undefined {
  const before = standingOf(said)
  said.push(label)
  const now = standingOf(said) as Standing
  return now.value === before?.value && now.since === before.since ? undefined : { now, before }
}

export type KnownLabel = {
  id: string
  value: Label['value']
  source: Label['source']
  /** Milliseconds since 1970. */
  happenedAt: number
  /** As the label says. */
  knownAt: number
  /** And as it came to be known here. */
  knownSince: number
  supersedes: string | null
  by: string | null
  note: string | null
}

const columns =
  'id, value, source, happened_at AS happenedAt, known_at AS knownAt, GREATEST(known_at, received) AS knownSince, supersedes, said_by AS `by`, note'

/** All that was said of a transaction and was known at an instant (milliseconds since 1970), the one that held then first. */
export const labelsAsOf = async (database: Connection, tenant: string, transaction: string, at: number): Promise<KnownLabel[]> => {
  const labels = await database.query<KnownLabel>(
    `SELECT ${columns} FROM labels WHERE tenant = ? AND transaction_id = ? AND known_at <= ? AND received <= ?`,
    [tenant, transaction, at, at],
  )
  return labels.sort((a, b) => (prevails(a, b) ? -1 : 1))
}

/** What held of a transaction at an instant. */
export const labelAsOf = async (database: Connection, tenant: string, transaction: string, at: number): Promise<KnownLabel | undefined> =>
  (await labelsAsOf(database, tenant, transaction, at))[0]
