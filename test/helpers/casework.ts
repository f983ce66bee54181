import { onTestFinished } from 'vitest'
import { createCasework } from '../../services/casework/service.ts'
import type { Config } from '../../services/shared/config.ts'
import { type Alert, tenantTopic, topics } from '../../services/shared/events.ts'
import { listCases, readCase } from '../../services/shared/tidb/cases.ts'
import type { Bank } from '../helpers/bank.ts'
import { testTelemetry } from '../helpers/servers.ts'

/** Settings of a bank whose cases escalate after so many seconds, to analyst, lead and manager. */
export const ladder = (...seconds: number[]) => ({
  escalation: seconds.map((afterSeconds, i) => ({ role: (['analyst', 'lead', 'manager'] as const)[i], afterSeconds })),
})

export async function casework(config: Config) {
  const service = createCasework(config, testTelemetry(), { sweepMs: 300, graceMs: 300 })
  onTestFinished(() => service.stop())
  await service.start()
  return service
}

export const send = (b: Bank, alerts: Alert[]) =>
  b.bus.send(alerts.map((a) => ({ topic: tenantTopic(b.name, 'alerts'), key: topics.alerts.key(a), value: JSON.stringify(a) })))

export const cases = async (b: Bank) => (await listCases(b.database, { tenant: b.name })).cases
export const events = async (b: Bank, caseId: string) =>
  (await readCase(b.database, { tenant: b.name, caseId }))?.history.map((h) => h.event)
