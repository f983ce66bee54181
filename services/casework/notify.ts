/** Telling people: to the log, and to the bank's webhook if it has one. What is to be said is a row; it is said until it was heard. */
import { createHmac } from 'node:crypto'
import { messageOf } from '../shared/errors.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import type { Connection, Database } from '../shared/tidb/database.ts'
import type { Settings, Tenant } from '../shared/tidb/settings.ts'

export type Notice = { tenant: string; caseId: string; step: number; role: string; settings: Settings; now: number }

export type Notifier = {
  /** Writes what is to be said; call it inside the transaction of the step. */
  add(tx: Connection, notice: Notice): Promise<void>
  /** Says soon what has not been said yet; does not wait for it, so that a slow webhook holds up no escalation. */
  nudge(): void
  stop(): Promise<void>
}

type Row = { tenant: string; case_id: string; step: number; channel: 'log' | 'webhook'; body: string; attempts: number }

const timeout = 5000
const most = 100
const abreast = 8
const mostAttempts = 20

/** Headers of a webhook: a stable id, and a signature over time and body by which the bank knows that it is ours. */
export function webhookHeaders(id: string, body: string, secret: string | undefined, now: number): Record<string, string> {
  const at = String(Math.floor(now / 1000))
  const signature = secret && createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')
  return {
    'content-type': 'application/json',
    'assay-id': id,
    'assay-time': at,
    ...(signature ? { 'assay-signature': `sha256=${signature}` } : {}),
  }
}

/**
 * Makes the notifier. What fails is tried again 1, 2, 4, 8 … seconds after it was written, for three days, and then left unsent.
 * Delivery is at least once; `assay-id` is the same each time. A webhook is a URL of http or https that an administrator of the bank has
 * set; redirects are not followed, so that it cannot lead elsewhere, and its answer is not read.
 */
export function createNotifier(
  database: Database,
  tenants: () => ReadonlyMap<string, Tenant>,
  telemetry: Telemetry,
  clock: () => number,
): Notifier {
  const sent = telemetry.counter('assay_casework_notifications_total', 'Notifications, by channel and result', ['channel', 'result'])
  let delivering: Promise<void> = Promise.resolve()
  let busy = false
  let again = false
  let stopped = false

  const say = async (row: Row) => {
    if (row.channel === 'log') {
      telemetry.logger.info({ notification: JSON.parse(row.body) as unknown }, 'nobody has claimed this case')
      return
    }
    const notify = tenants().get(row.tenant)?.settings.notify
    if (!notify?.webhookUrl) return
    const id = `${row.case_id}-${row.step}`
    const response = await fetch(notify.webhookUrl, {
      method: 'POST',
      body: row.body,
      headers: webhookHeaders(id, row.body, notify.webhookSecret, clock()),
      redirect: 'error',
      signal: AbortSignal.timeout(timeout),
    })
    await response.body?.cancel()
    if (!response.ok) throw new Error(`the webhook answered ${response.status}`)
  }
  const settle = async (row: Row) => {
    const key = [row.tenant, row.case_id, row.step, row.channel]
    const where = 'WHERE tenant = ? AND case_id = ? AND step = ? AND channel = ?'
    try {
      await say(row)
    } catch (error) {
      sent.inc({ channel: row.channel, result: 'failed' })
      telemetry.logger.warn({ case: row.case_id, channel: row.channel, reason: messageOf(error) }, 'not delivered; it is tried again')
      await database.execute(`UPDATE notifications SET attempts = attempts + 1 ${where}`, key)
      return
    }
    await database.execute(`UPDATE notifications SET sent = ?, attempts = attempts + 1 ${where}`, [clock(), ...key])
    sent.inc({ channel: row.channel, result: 'sent' })
  }
  const round = async () => {
    const rows = await database.query<Row>(
      `SELECT * FROM notifications WHERE sent IS NULL AND attempts < ? AND (attempts = 0 OR created + 500 * POW(2, attempts) <= ?)
       ORDER BY attempts, created LIMIT ?`,
      [mostAttempts, clock(), most],
    )
    const lane = async () => {
      for (let row = rows.shift(); row && !stopped; row = rows.shift()) await settle(row)
    }
    await Promise.all(Array.from({ length: abreast }, lane))
  }
  const self: Notifier = {
    async add(tx, { tenant, caseId, step, role, settings, now }) {
      const body = JSON.stringify({ tenant, case: caseId, step, role, at: new Date(now).toISOString() })
      for (const channel of settings.notify.webhookUrl ? (['log', 'webhook'] as const) : (['log'] as const)) {
        await tx.execute('INSERT IGNORE INTO notifications (tenant, case_id, step, channel, body, created) VALUES (?, ?, ?, ?, ?, ?)', [
          tenant,
          caseId,
          step,
          channel,
          body,
          now,
        ])
      }
    },
    nudge() {
      again = busy
      if (busy || stopped) return
      busy = true
      delivering = round()
        .catch((error: unknown) => telemetry.logger.warn({ reason: messageOf(error) }, 'notifications wait'))
        .finally(() => {
          busy = false
          if (again) self.nudge()
        })
    },
    async stop() {
      stopped = true
      await delivering
    },
  }
  return self
}
