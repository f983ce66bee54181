/** The newest window of each bank as metrics. */
import { columnsOf } from '../../models/drift/watched.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import type { DriftWindow } from '../shared/tidb/drift.ts'

export type DriftMeters = { show(tenant: string, window: DriftWindow): void }

export function createDriftMeters(telemetry: Telemetry): DriftMeters {
  const of = ['tenant', 'feature'] as const
  const psi = telemetry.gauge('assay_drift_psi', 'Population stability index of a feature against what the champion was trained on', of)
  const missing = telemetry.gauge(
    'assay_drift_missing_share',
    'Share of transactions that have nothing of a feature, where some lack it',
    of,
  )
  const score = telemetry.gauge('assay_drift_score_psi', 'Population stability index of the scores', ['tenant'])
  const alarms = telemetry.gauge('assay_drift_alarms', 'Features, and the score, that have drifted and are not stable again', ['tenant'])
  const ratio = telemetry.gauge(
    'assay_drift_score_over_frauds',
    'Mean score over the share of frauds, of transactions with complete labels',
    ['tenant'],
  )
  const error = telemetry.gauge('assay_drift_calibration_error', 'Expected calibration error of transactions with complete labels', [
    'tenant',
  ])
  return {
    show(tenant, { alarm, watched: { drift, calibration } }) {
      alarms.set({ tenant }, alarm.length)
      if (calibration) error.set({ tenant }, calibration.ece)
      if (calibration && calibration.fraudShare > 0) ratio.set({ tenant }, calibration.meanScore / calibration.fraudShare)
      for (const column of columnsOf(drift)) {
        const labels = { tenant, feature: column.name }
        if (column.name === 'score') {
          if (column.psi === undefined) score.remove({ tenant })
          else score.set({ tenant }, column.psi)
          continue
        }
        // What is warming up has no index, which is not 0.
        if (column.psi === undefined) psi.remove(labels)
        else psi.set(labels, column.psi)
        if (column.missing && column.missing.before + column.missing.now > 0) missing.set(labels, column.missing.now)
        else missing.remove(labels)
      }
    },
  }
}
