/** Escalation: when nobody has claimed a case in time, the next in line is told, and so on until somebody does. */
import type { Bell } from '../shared/jobs.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import { addHistory } from '../shared/tidb/cases.ts'
import type { Database } from '../shared/tidb/database.ts'
import type { Tenant } from '../shared/tidb/settings.ts'
import { stepAt } from './case-rules.ts'
import type { Notifier } from './notify.ts'

export type EscalationJob = { tenant: string; caseId: string; step: number }

/** One bell for each step of a case. */
export const escalationKey = (tenant: string, caseId: string, step: number): string => `${tenant} ${caseId} ${step}`

type Deps = {
  database: Database
  bell: () => Bell<EscalationJob>
  tenants: () => ReadonlyMap<string, Tenant>
  notifier: Notifier
  telemetry: Telemetry
  clock: () => number
}

/**
 * Takes one step of a case if it is due: the step, its history and its notifications are one transaction, set only where the case is
 * still open and at this step, so that a second ring changes nothing and a claimed case stays silent.
 */
export function escalate(d: Deps) {
  const escalations = d.telemetry.counter('assay_casework_escalations_total', 'Steps taken because nobody had claimed a case in time', [
    'tenant',
    'role',
  ])
  return async function escalate({ tenant, caseId, step }: EscalationJob): Promise<void> {
    const settings = d.tenants().get(tenant)?.settings
    const now = d.clock()
    if (!settings) return
    const taken = stepAt(step, settings, now)
    if (!taken) {
      // The last rung is behind it, or the bank's ladder became shorter: nothing is due any more.
      await d.database.execute("UPDATE cases SET due_at = NULL WHERE tenant = ? AND id = ? AND step = ? AND state = 'open'", [
        tenant,
        caseId,
        step,
      ])
      return
    }
    const changed = await d.database.transaction(async (tx) => {
      const { affectedRows } = await tx.execute(
        "UPDATE cases SET step = ?, due_at = ? WHERE tenant = ? AND id = ? AND step = ? AND state = 'open' AND due_at IS NOT NULL AND due_at <= ?",
        [step + 1, taken.nextDueAt, tenant, caseId, step, now],
      )
      if (affectedRows !== 1) return false
      await addHistory(tx, { tenant, caseId, now }, 'casework', 'escalated', { step, role: taken.role })
      await d.notifier.add(tx, { tenant, caseId, step, role: taken.role, settings, now })
      return true
    })
    if (!changed) return
    escalations.inc({ tenant, role: taken.role })
    d.notifier.nudge()
    if (taken.nextDueAt === null) return
    // When Redis is away the sweep takes the step instead.
    await d
      .bell()
      .ring(escalationKey(tenant, caseId, step + 1), { tenant, caseId, step: step + 1 }, taken.nextDueAt)
      .catch(() => undefined)
  }
}
