/** Alerts become cases: each opens its customer's case or joins the one that is open. */
import { Compile } from 'typebox/compile'
import type { Received } from '../shared/bus.ts'
import { takeAlert } from '../shared/cases.ts'
import type { Database } from '../shared/database.ts'
import { Alert, tenantTopic } from '../shared/events.ts'
import type { Bell } from '../shared/jobs.ts'
import type { Tenant } from '../shared/settings.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import { firstDueAt } from './case-rules.ts'
import { type EscalationJob, escalationKey } from './escalate.ts'

const schema = Compile(Alert)

/** Takes alerts in, in order. An alert that is delivered again changes nothing; one that cannot be read is logged and passed over. */
export function openCases(d: {
  database: Database
  bell: Bell<EscalationJob>
  tenants: () => ReadonlyMap<string, Tenant>
  telemetry: Telemetry
  clock: () => number
}) {
  const taken = d.telemetry.counter('assay_casework_alerts_total', 'Alerts taken in, by what they did', ['tenant', 'effect'])
  const read = (record: Received): Alert | undefined => {
    try {
      const alert: unknown = JSON.parse((record.value ?? Buffer.alloc(0)).toString())
      if (schema.Check(alert) && record.topic === tenantTopic(alert.tenant, 'alerts')) return alert
    } catch {
      // Said below, together with what is JSON but no alert.
    }
    d.telemetry.logger.error(
      { topic: record.topic, partition: record.partition, offset: record.offset },
      'this record is not an alert of its topic’s bank; it is passed over',
    )
    return undefined
  }
  return async function openCases(records: readonly Received[]): Promise<void> {
    for (const record of records) {
      const alert = read(record)
      const bank = alert && d.tenants().get(alert.tenant)
      if (!alert || !bank) continue
      const { caseId, opened, joined, dueAt } = await takeAlert(d.database, alert, firstDueAt(alert, bank.settings, d.clock()))
      taken.inc({ tenant: alert.tenant, effect: opened ? 'opened' : joined ? 'joined' : 'known' })
      if (dueAt === null) continue
      // When Redis is away the sweep takes the step instead.
      await d.bell.ring(escalationKey(alert.tenant, caseId, 0), { tenant: alert.tenant, caseId, step: 0 }, dueAt).catch(() => undefined)
    }
  }
}
