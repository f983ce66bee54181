/** Alerts become cases: each opens its customer's case or joins the one that is open. */
import { maskCardNumbers } from '../shared/card-numbers.ts'
import { Alert, tenantTopic } from '../shared/events.ts'
import type { Bell } from '../shared/jobs.ts'
import type { Bus, Received } from '../shared/kafka/bus.ts'
import { deadLetterMessage, eventReader } from '../shared/kafka/dead-letters.ts'
import { type DeadLettered, deadLetter, type Ok } from '../shared/outcomes.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import type { Database } from '../shared/tidb/database.ts'
import type { Tenant } from '../shared/tidb/settings.ts'
import { firstDueAt } from './case-rules.ts'
import { type EscalationJob, escalationKey } from './escalate.ts'
import { takeAlert } from './take-alert.ts'

const readAlert = eventReader<Alert>(Alert)

/** The alert, if it is one of its topic's bank. */
function read({ topic, value }: Received): Ok<Alert> | DeadLettered {
  const alert = readAlert(value)
  if (alert.outcome !== 'ok' || topic === tenantTopic(alert.value.tenant, 'alerts')) return alert
  return deadLetter('tenant_mismatch', `/tenant ${alert.value.tenant} came on ${topic}`)
}

/** Takes alerts in, in order. An alert that is delivered again changes nothing; one that cannot be read becomes a dead letter. */
export function openCases(d: {
  database: Database
  bus: Bus
  bell: Bell<EscalationJob>
  tenants: () => ReadonlyMap<string, Tenant>
  telemetry: Telemetry
  clock: () => number
}) {
  const taken = d.telemetry.counter('assay_casework_alerts_total', 'Alerts taken in, by what they did', ['tenant', 'effect'])
  const lost = d.telemetry.counter('assay_casework_dead_letters_total', 'Alerts that could not be read', ['tenant', 'reason'])
  /** To TiDB, where an operator finds it and sends it again, and to the topic. */
  const setAside = async (record: Received, { reason, detail }: DeadLettered) => {
    const { partition, offset, timestamp } = record
    const tenant = record.topic.split('.')[1]
    const key = record.key === null ? null : Buffer.from(record.key)
    const value = record.value && maskCardNumbers(record.value)
    const why = detail.slice(0, 1000)
    const now = d.clock()
    await d.database.execute(
      `INSERT IGNORE INTO dead_letters (tenant, topic, log, part, log_offset, reason, detail, record_key, record_value, received, recorded)
       VALUES (?, 'alerts', 0, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [tenant, partition, offset, reason, why, key?.subarray(0, 1024) ?? null, value, timestamp, now],
    )
    await d.bus.send([deadLetterMessage({ tenant, topic: 'alerts', partition, offset, key }, reason, why, value, now)])
    lost.inc({ tenant, reason })
  }
  return async function openCases(records: readonly Received[]): Promise<void> {
    for (const record of records) {
      const outcome = read(record)
      if (outcome.outcome === 'dead_letter') {
        await setAside(record, outcome)
        continue
      }
      const alert = outcome.value
      const bank = d.tenants().get(alert.tenant)
      if (!bank) continue
      const { caseId, opened, joined, dueAt } = await takeAlert(d.database, alert, firstDueAt(alert, bank.settings, d.clock()))
      taken.inc({ tenant: alert.tenant, effect: opened ? 'opened' : joined ? 'joined' : 'known' })
      if (dueAt === null) continue
      // When Redis is away the sweep takes the step instead.
      await d.bell.ring(escalationKey(alert.tenant, caseId, 0), { tenant: alert.tenant, caseId, step: 0 }, dueAt).catch(() => undefined)
    }
  }
}
