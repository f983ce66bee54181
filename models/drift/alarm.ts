/** When a drift is told, and when it is over: once for each change. */
import { type ColumnDrift, type DriftReport, thresholds } from './psi.ts'
import { columnsOf } from './watched.ts'

export type Alarm = {
  /** Names of what is in alarm from now on, the farthest first. */
  names: string[]
  /** What is to be told: something has drifted that had not, or everything is stable again. */
  told?: 'alarm' | 'over'
}

/**
 * What has drifted comes into alarm, and stays in it until it is stable again, so that an index on the edge is told once. A window of which
 * nothing can be said changes nothing, nor does a feature that is warming up.
 */
export function alarmAfter(before: readonly string[], drift: DriftReport): Alarm {
  if (!('features' in drift)) return { names: [...before] }
  const stays = ({ name, psi }: ColumnDrift) => before.includes(name) && (psi === undefined || psi >= thresholds.moving)
  const names = columnsOf(drift)
    .filter((column) => column.verdict === 'drifting' || stays(column))
    .sort((a, b) => (b.psi ?? 0) - (a.psi ?? 0))
    .map(({ name }) => name)
  if (names.some((name) => !before.includes(name))) return { names, told: 'alarm' }
  return { names, ...(names.length === 0 && before.length > 0 && { told: 'over' as const }) }
}
