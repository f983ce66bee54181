/** Cases in TiDB: how they are listed, read, claimed, released and judged. Every change is a compare and set in one transaction with its history. */
import { AssayError } from '../errors.ts'
import { type Alert, type Disposition, type Label, tenantTopic, topics } from '../events.ts'
import type { Connection, Database } from './database.ts'
import { putIntoOutbox, sortableId } from './outbox.ts'

export type CaseState = 'open' | 'claimed' | 'closed'

/** A case. Times are milliseconds since 1970, the amount is in minor units; `step` counts the escalations that were taken, `dueAt` is when the next one is due. */
export type CaseRow = {
  tenant: string
  id: string
  customer: string
  state: CaseState
  step: number
  dueAt: number | null
  assignee: string | null
  disposition: Disposition | null
  note: string | null
  sample: boolean
  maxScore: number
  amount: number
  currency: string
  opened: number
  claimed: number | null
  closed: number | null
}
export type HistoryEntry = { id: string; at: number; actor: string; event: string; detail: unknown }
export type Case = CaseRow & { alerts: Alert[]; history: HistoryEntry[] }
/** `next` is the `after` of the page behind it, null on the last one. */
export type CasePage = { cases: CaseRow[]; next: string | null }

type Columns = {
  tenant: string
  id: string
  customer: string
  state: CaseState
  open_customer: string | null
  step: number
  due_at: number | null
  assignee: string | null
  disposition: Disposition | null
  note: string | null
  sample: number
  max_score: number
  amount_minor: number
  currency: string
  opened: number
  claimed: number | null
  closed: number | null
}

const rowOf = ({ due_at, sample, max_score, amount_minor, open_customer: _open, ...row }: Columns): CaseRow => ({
  ...row,
  dueAt: due_at,
  sample: sample === 1,
  maxScore: max_score,
  amount: amount_minor,
})

/** Notes what happened to a case; call it inside the transaction that makes it happen. */
export async function addHistory(
  tx: Connection,
  at: { tenant: string; caseId: string; now: number },
  actor: string,
  event: string,
  detail: unknown = null,
): Promise<void> {
  await tx.execute('INSERT INTO case_history (tenant, case_id, id, at, actor, event, detail) VALUES (?, ?, ?, ?, ?, ?, ?)', [
    at.tenant,
    at.caseId,
    sortableId(at.now),
    at.now,
    actor,
    event,
    detail === null ? null : JSON.stringify(detail),
  ])
}

/** Cases, newest first. `after` is the `next` of the page before. */
export async function listCases(
  database: Database,
  filter: { tenant?: string | undefined; state?: CaseState | undefined; limit?: number; after?: string | undefined } = {},
): Promise<CasePage> {
  const limit = Math.min(filter.limit ?? 50, 500)
  const [opened, id] = filter.after?.split('.') ?? []
  const wanted: [string, ...(string | number)[]][] = []
  if (filter.tenant) wanted.push(['tenant = ?', filter.tenant])
  if (filter.state) wanted.push(['state = ?', filter.state])
  if (opened && id) wanted.push(['opened <= ? AND (opened < ? OR id < ?)', Number(opened), Number(opened), id])
  const where = wanted.length > 0 ? `WHERE ${wanted.map(([condition]) => condition).join(' AND ')}` : ''
  const rows = await database.query<Columns>(`SELECT * FROM cases ${where} ORDER BY opened DESC, id DESC LIMIT ?`, [
    ...wanted.flatMap(([, ...values]) => values),
    limit + 1,
  ])
  const page = rows.slice(0, limit).map(rowOf)
  const last = page.at(-1)
  return { cases: page, next: rows.length > limit && last ? `${last.opened}.${last.id}` : null }
}

/** A case with its alerts and its history, or undefined. */
export async function readCase(database: Database, place: { tenant: string; caseId: string }): Promise<Case | undefined> {
  const key = [place.tenant, place.caseId]
  const [row] = await database.query<Columns>('SELECT * FROM cases WHERE tenant = ? AND id = ?', key)
  if (!row) return undefined
  const [alerts, history] = await Promise.all([
    database.query<{ alert: Buffer }>(
      'SELECT alert FROM case_transactions WHERE tenant = ? AND case_id = ? ORDER BY added, transaction_id',
      key,
    ),
    database.query<{ id: string; at: number; actor: string; event: string; detail: string | null }>(
      'SELECT id, at, actor, event, detail FROM case_history WHERE tenant = ? AND case_id = ? ORDER BY id',
      key,
    ),
  ])
  return {
    ...rowOf(row),
    alerts: alerts.map((a) => JSON.parse(a.alert.toString()) as Alert),
    history: history.map((h) => ({ ...h, detail: h.detail === null ? null : (JSON.parse(h.detail) as unknown) })),
  }
}

type Act = { tenant: string; caseId: string; actor: string }

/*
 * Reads after a change that waited for a lock say FOR UPDATE: TiDB's plain reads show what was there when the transaction began, so
 * an alert that joined meanwhile would get no label, and a claim of one's own would look like another's.
 */

/** Throws what stands in the way of a change that did not take place. */
async function refuse(database: Connection, { tenant, caseId }: Act, what: string): Promise<never> {
  const [row] = await database.query<Columns>('SELECT * FROM cases WHERE tenant = ? AND id = ? FOR UPDATE', [tenant, caseId])
  if (!row) throw new AssayError('case_unknown', `There is no case ${caseId} of ${tenant}`, { status: 404 })
  const by = row.assignee ? ` by ${row.assignee}` : ''
  throw new AssayError('case_conflict', `The case is ${row.state}${by}, so it cannot be ${what}`, {
    status: 409,
    details: { state: row.state, assignee: row.assignee },
  })
}

/** Claims an open case, which ends its escalation. Claiming what one has already claimed changes nothing. Throws `case_conflict` otherwise. */
export async function claimCase(database: Database, act: Act): Promise<void> {
  await database.transaction(async (tx) => {
    const now = Date.now()
    const { affectedRows } = await tx.execute(
      "UPDATE cases SET state = 'claimed', assignee = ?, claimed = ?, due_at = NULL WHERE tenant = ? AND id = ? AND state = 'open'",
      [act.actor, now, act.tenant, act.caseId],
    )
    if (affectedRows === 1) return addHistory(tx, { ...act, now }, act.actor, 'claimed')
    const [mine] = await tx.query('SELECT id FROM cases WHERE tenant = ? AND id = ? AND state = ? AND assignee = ? FOR UPDATE', [
      act.tenant,
      act.caseId,
      'claimed',
      act.actor,
    ])
    if (!mine) await refuse(tx, act, 'claimed')
  })
}

/** Gives a claimed case back to the queue; the steps that are left escalate from `dueAt` on (milliseconds since 1970), none for a random sample. */
export async function releaseCase(database: Database, act: Act & { dueAt?: number }): Promise<void> {
  await database.transaction(async (tx) => {
    const now = Date.now()
    const { affectedRows } = await tx.execute(
      "UPDATE cases SET state = 'open', assignee = NULL, claimed = NULL, due_at = IF(sample = 1, NULL, ?) WHERE tenant = ? AND id = ? AND state = 'claimed'",
      [act.dueAt ?? now, act.tenant, act.caseId],
    )
    if (affectedRows === 0) await refuse(tx, act, 'released')
    await addHistory(tx, { ...act, now }, act.actor, 'released')
  })
}

/** The label that a verdict gives a transaction: its id is the same however often the verdict is given. */
const labelOf = (alert: Alert, act: Act & { disposition: Disposition; note?: string | undefined }, now: string): Label => ({
  id: `verdict-${alert.id}`,
  tenant: act.tenant,
  transaction: alert.transaction,
  value: act.disposition,
  source: 'analyst',
  happenedAt: alert.time,
  knownAt: now,
  by: act.actor,
  ...(act.note ? { note: act.note } : {}),
})

/**
 * Judges a case: it is closed, and a label for each of its transactions lies in the outbox, all in one transaction. Giving the same
 * verdict again changes nothing; another one, or one on another's case, throws `case_conflict`.
 */
export async function giveVerdict(database: Database, act: Act & { disposition: Disposition; note?: string | undefined }): Promise<void> {
  await database.transaction(async (tx) => {
    const now = Date.now()
    const { affectedRows } = await tx.execute(
      `UPDATE cases SET state = 'closed', open_customer = NULL, assignee = ?, disposition = ?, note = ?, closed = ?, due_at = NULL
       WHERE tenant = ? AND id = ? AND (state = 'open' OR (state = 'claimed' AND assignee = ?))`,
      [act.actor, act.disposition, act.note ?? null, now, act.tenant, act.caseId, act.actor],
    )
    if (affectedRows === 0) {
      const [same] = await tx.query(
        'SELECT id FROM cases WHERE tenant = ? AND id = ? AND state = ? AND assignee = ? AND disposition = ? FOR UPDATE',
        [act.tenant, act.caseId, 'closed', act.actor, act.disposition],
      )
      if (same) return
      await refuse(tx, act, 'judged')
    }
    const alerts = await tx.query<{ alert: Buffer }>('SELECT alert FROM case_transactions WHERE tenant = ? AND case_id = ? FOR UPDATE', [
      act.tenant,
      act.caseId,
    ])
    const labels = alerts.map((a) => labelOf(JSON.parse(a.alert.toString()) as Alert, act, new Date(now).toISOString()))
    await putIntoOutbox(
      tx,
      labels.map((label) => ({ topic: tenantTopic(act.tenant, 'labels'), key: topics.labels.key(label), value: JSON.stringify(label) })),
    )
    await addHistory(tx, { ...act, now }, act.actor, 'judged', { disposition: act.disposition, note: act.note ?? null })
  })
}
