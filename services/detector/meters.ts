/** The detector's metrics, bound once. */
import { actions } from '../shared/events.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import type { Verdict } from './batch.ts'

export type Meters = {
  recorded(seconds: number, records: number): void
  published(verdicts: readonly Verdict[]): void
  readBack(records: number): void
}

const latencies = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000, 10_000, 30_000].map(
  (ms) => ms / 1000,
)

export function createMeters(telemetry: Telemetry): Meters {
  const decisions = telemetry.counter('assay_detector_decisions_total', 'Transactions decided and published, by action', [
    'tenant',
    'action',
  ])
  const alerts = telemetry.counter('assay_detector_alerts_total', 'Alerts published', ['tenant'])
  const late = telemetry.counter('assay_detector_late_total', 'Transactions decided after one of the same customer that happened later', [
    'tenant',
  ])
  const others = telemetry.counter('assay_detector_records_total', 'Other records recorded, by what became of them', ['tenant', 'outcome'])
  const again = telemetry.counter('assay_detector_republished_total', 'Messages published again after a restart')
  const batches = telemetry.histogram('assay_detector_record_seconds', 'Time of the TiDB transaction of a batch')
  const sizes = telemetry.histogram('assay_detector_batch_records', 'Records in a batch', [], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
  const latency = telemetry.histogram(
    'assay_detector_latency_seconds',
    'From Kafka having a transaction to its decision being published',
    [],
    latencies,
  )
  return {
    recorded(seconds, records) {
      batches.observe(seconds)
      sizes.observe(records)
    },
    published(verdicts) {
      const now = Date.now()
      const counts = new Map<string, number>()
      for (const v of verdicts) {
        const key = v.kind === 'decided' ? `${v.raw.tenant} ${actions[v.row.action]}` : `${v.raw.tenant} .${v.kind}`
        counts.set(key, (counts.get(key) ?? 0) + 1)
        if (v.kind === 'decided' && v.row.alert) alerts.inc({ tenant: v.raw.tenant })
        if (v.kind === 'decided' && v.row.late) late.inc({ tenant: v.raw.tenant })
        if (v.kind === 'decided') latency.observe(Math.max(0, now - v.raw.received) / 1000)
      }
      for (const [key, count] of counts) {
        const [tenant, what] = key.split(' ')
        if (what.startsWith('.')) others.inc({ tenant, outcome: what.slice(1) }, count)
        else decisions.inc({ tenant, action: what }, count)
      }
    },
    readBack: (records) => again.inc(records),
  }
}
