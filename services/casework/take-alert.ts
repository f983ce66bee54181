/** An alert opens its customer's case or joins the one that is open: one open case a customer, by a unique key. */
import type { Alert } from '../shared/events.ts'
import { addHistory } from '../shared/tidb/cases.ts'
import { type Connection, type Database, isDuplicate } from '../shared/tidb/database.ts'
import { sortableId } from '../shared/tidb/outbox.ts'

/** What taking an alert in came to. `dueAt` is set when an escalation has to be timed. */
export type Opened = { caseId: string; opened: boolean; joined: boolean; dueAt: number | null }

/**
 * Opens a case for the alert's customer or adds the alert to the one that is open. The same alert again changes nothing. `dueAt` is
 * when a case that is opened escalates first, null for one that never does.
 */
export async function takeAlert(database: Database, alert: Alert, dueAt: number | null): Promise<Opened> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await database.transaction((tx) => take(tx, alert, dueAt))
    } catch (error) {
      // Another casework opened the customer's case, or took the same alert, at this very moment.
      if (!isDuplicate(error) || attempt >= 5) throw error
    }
  }
}

async function take(tx: Connection, alert: Alert, dueAt: number | null): Promise<Opened> {
  const { tenant, customer } = alert
  const now = Date.now()
  const [known] = await tx.query<{ case_id: string }>('SELECT case_id FROM case_transactions WHERE tenant = ? AND transaction_id = ?', [
    tenant,
    alert.transaction,
  ])
  if (known) return { caseId: known.case_id, opened: false, joined: false, dueAt: null }
  const [open] = await tx.query<{ id: string; sample: number }>(
    'SELECT id, sample FROM cases WHERE tenant = ? AND open_customer = ? FOR UPDATE',
    [tenant, customer],
  )
  const caseId = open?.id ?? sortableId(now)
  // A random sample that is joined by a real alert becomes a case like any other, and escalates.
  const urgent = open?.sample === 1 && !alert.sample
  if (open) {
    await tx.execute(
      `UPDATE cases SET max_score = GREATEST(max_score, ?), amount_minor = amount_minor + IF(currency = ?, ?, 0), sample = IF(?, 0, sample),
       due_at = IF(? AND state = 'open', ?, due_at) WHERE tenant = ? AND id = ?`,
      [alert.score, alert.currency, alert.amount, urgent, urgent, dueAt, tenant, caseId],
    )
  } else {
    await tx.execute(
      `INSERT INTO cases (tenant, id, customer, state, open_customer, step, due_at, sample, max_score, amount_minor, currency, opened)
       VALUES (?, ?, ?, 'open', ?, 0, ?, ?, ?, ?, ?, ?)`,
      [tenant, caseId, customer, customer, dueAt, alert.sample ? 1 : 0, alert.score, alert.amount, alert.currency, now],
    )
  }
  await tx.execute('INSERT INTO case_transactions (tenant, case_id, transaction_id, customer, alert, added) VALUES (?, ?, ?, ?, ?, ?)', [
    tenant,
    caseId,
    alert.transaction,
    customer,
    Buffer.from(JSON.stringify(alert)),
    now,
  ])
  await addHistory(tx, { tenant, caseId, now }, 'casework', open ? 'joined' : 'opened', {
    transaction: alert.transaction,
    score: alert.score,
  })
  return { caseId, opened: !open, joined: Boolean(open), dueAt: !open || urgent ? dueAt : null }
}
