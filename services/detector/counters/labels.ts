/**
 * What a label does to the counters of the entities of its transaction. Of the labels of one transaction the one that prevails
 * counts, since its value was first said, and what counted before is taken back. A label that comes again counts nothing, other content under its id is a
 * fault of the sender; one that comes before its transaction waits in `waiting_labels`, and is produced anew when the transaction is there.
 */
import type { Label } from '../../shared/events.ts'
import type { Connection } from '../../shared/tidb/database.ts'
import { knownSince, type Said, standingAfter } from '../../shared/tidb/labels.ts'
import { decodeEvent, type EventRow } from '../../shared/tidb/row-event.ts'
import type { Raw } from '../batch.ts'
import type { LabelEffect } from './entries.ts'

/** A row of `label_moves`: what the label at a place did, so that it can be done again in another generation. */
export type LabelMove = {
  tenant: string
  part: number
  log: number
  log_offset: number
  counterparty: string | null
  device: string | null
  ip: string | null
  value: string
  known_at: number
  old_value: string | null
  old_known_at: number | null
}

export const moveColumns = [
  'tenant',
  'part',
  'log',
  'log_offset',
  'counterparty',
  'device',
  'ip',
  'value',
  'known_at',
  'old_value',
  'old_known_at',
] as const satisfies readonly (keyof LabelMove)[]

const counts = (value: string | null): value is 'fraud' | 'genuine' => value === 'fraud' || value === 'genuine'

export function effectOf(row: LabelMove): LabelEffect {
  const changes: LabelEffect['changes'] = []
  if (counts(row.value)) changes.push({ value: row.value, knownAt: row.known_at, delta: 1 })
  if (counts(row.old_value)) changes.push({ value: row.old_value, knownAt: row.old_known_at as number, delta: -1 })
  const { counterparty, device, ip } = row
  return {
    changes,
    parties: { ...(counterparty === null ? {} : { counterparty }), ...(device === null ? {} : { device }), ...(ip === null ? {} : { ip }) },
  }
}

/** What becomes of a label: `waits` for its transaction, `counts` what `move` says, `conflicts` with another one of its id, or changes nothing. */
export type LabelStanding = { waits: boolean; waited: boolean; conflicts: boolean; move: LabelMove | undefined }

type Known = {
  id: string
  transaction_id: string
  value: Label['value']
  source: Label['source']
  happened_at: number
  known_at: number
  received: number
}

/** Milliseconds: a date further ahead would take the place of days that count. */
const mostAhead = 86_400_000
/** Since when the counters count a label; they begin in 1970. */
export const countedSince = (knownAt: number, received: number): number =>
  Math.max(0, Math.min(knownSince(knownAt, received), received + mostAhead))

type Told = { raw: Raw; label: Label }

/** What two labels of one id must agree in. */
const contentOf = (k: Omit<Known, 'id' | 'received'>): string =>
  JSON.stringify([k.transaction_id, k.value, k.source, k.happened_at, k.known_at])

/** Finds what becomes of each label, in three queries a bank. Labels of a batch that is not recorded yet must be recorded first. */
export async function settleLabels(database: Connection, labels: readonly Told[]): Promise<Map<Raw, LabelStanding>> {
  const tenants = [...new Set(labels.map(({ raw }) => raw.tenant))]
  const settled = tenants.map((tenant) =>
    settleBank(
      database,
      tenant,
      labels.filter(({ raw }) => raw.tenant === tenant),
    ),
  )
  return new Map((await Promise.all(settled)).flat())
}

async function settleBank(database: Connection, tenant: string, labels: readonly Told[]): Promise<[Raw, LabelStanding][]> {
  const ids = [...new Set(labels.map(({ label }) => label.id))]
  const transactions = [...new Set(labels.map(({ label }) => label.transaction))]
  const query = <Row>(sql: string, ...values: unknown[]) => database.query<Row>(sql, [tenant, ...values] as never)
  const [known, waiting, events] = await Promise.all([
    query<Known>(
      'SELECT id, transaction_id, value, source, happened_at, known_at, received FROM labels WHERE tenant = ? AND (id IN (?) OR transaction_id IN (?))',
      ids,
      transactions,
    ),
    query<{ id: string }>('SELECT id FROM waiting_labels WHERE tenant = ? AND transaction_id IN (?)', transactions),
    query<EventRow>('SELECT tenant, customer, id, time, event FROM transactions WHERE tenant = ? AND id IN (?)', transactions),
  ])
  const waits = new Set(waiting.map((w) => w.id))
  const seen = new Map(known.map((k) => [k.id, { received: k.received, content: contentOf(k) }]))
  const partiesOf = new Map(events.map((row) => [row.id, decodeEvent(row)]))
  const saidOf = new Map<string, Said[]>()
  const saidAbout = (transaction: string): Said[] => {
    const said = saidOf.get(transaction) ?? []
    saidOf.set(transaction, said)
    return said
  }
  for (const k of known) {
    if (waits.has(k.id)) continue
    const { id, value, source, known_at: knownAt } = k
    saidAbout(k.transaction_id).push({ id, value, source, knownAt, since: countedSince(knownAt, k.received) })
  }
  const settle = ({ raw, label }: Told): LabelStanding => {
    const waited = waits.has(label.id)
    const nothing = { waits: false, waited, conflicts: false, move: undefined }
    const knownAt = Date.parse(label.knownAt)
    const { transaction: transaction_id, value, source } = label
    const content = contentOf({ transaction_id, value, source, happened_at: Date.parse(label.happenedAt), known_at: knownAt })
    const first = seen.get(label.id)
    if (first && first.content !== content) return { ...nothing, conflicts: true }
    if (first && !waited) return nothing
    const received = first?.received ?? raw.received
    seen.set(label.id, { received, content })
    const transaction = partiesOf.get(label.transaction)
    if (!transaction) {
      waits.add(label.id)
      return { ...nothing, waits: true }
    }
    waits.delete(label.id)
    const said = { id: label.id, value, source, knownAt, since: countedSince(knownAt, received) }
    const changed = standingAfter(saidAbout(label.transaction), said)
    if (!changed) return nothing
    const { now, before } = changed
    const move: LabelMove = {
      tenant,
      part: raw.partition,
      log: raw.log,
      log_offset: raw.offset,
      counterparty: transaction.counterparty ?? null,
      device: transaction.device ?? null,
      ip: transaction.ip ?? null,
      value: now.value,
      known_at: now.since,
      old_value: before?.value ?? null,
      old_known_at: before?.since ?? null,
    }
    return { ...nothing, move }
  }
  return labels.map((told) => [told.raw, settle(told)])
}
