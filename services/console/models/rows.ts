/** Versions of the registry as the console answers them. */
import { cardOf } from '../../../models/card.ts'
import type { Change, Version } from '../../shared/tidb/models.ts'
import type { ModelDetail, ModelRow } from './api.ts'

/** Changes come the newest first. */
function headOf({ sha256, manifest, ...version }: Version, history: readonly Change[]) {
  const last = history.find((change) => change.version === version.version)
  return { ...version, since: last?.at ?? version.created, sinceBy: last?.actor ?? version.by, reason: last?.reason ?? '' }
}

export function rowOf(version: Version, history: readonly Change[]): ModelRow {
  const { figures, data } = version.manifest
  return { ...headOf(version, history), figures, data }
}

export function detailOf(version: Version, history: Change[]): ModelDetail {
  const { bins, ...manifest } = version.manifest
  return { ...headOf(version, history), sha256: version.sha256, manifest, card: cardOf(version.manifest), history }
}
