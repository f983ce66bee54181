/** What the counters that serve approximate, and the same exactly: without the transaction itself, over sliding windows. */

import type { Columns } from '../../models/columns/columns.ts'
import { createColumnFold } from '../../models/columns/fold.ts'
import { baseRate, priorWeight } from '../../models/fold/counters.ts'

/** By the names of `counterFeatures`, in the order in which `exactOf` writes them; `least` is what errors are relative to at least. */
export const approximated = [
  { name: 'count_24h', least: 1 },
  { name: 'count_30d', least: 1 },
  { name: 'fraud_share', least: 0 },
] as const

const profile = (hasLabels: boolean) => ({
  features: [
    { kind: 'count' as const, name: '{window}', of: 'counterparty' as const, windows: ['24h', '30d'] },
    ...(hasLabels ? [{ kind: 'frauds' as const, name: 'frauds', of: 'counterparty' as const, windows: ['30d'] }] : []),
  ],
})

/** The fold of the exact values of the counterparty; undefined where there is none. */
export function exactOf(columns: Columns): ((row: number, out: Float32Array, start: number) => void) | undefined {
  const counterparty = columns.texts.get('counterparty')
  if (!counterparty) return undefined
  const { features, fold } = createColumnFold(columns, profile((columns.labelDelay ?? 0) > 0))
  const values = new Float32Array(features.length)
  return (row, out, start) => {
    values.fill(0)
    fold(row, values, 0)
    const self = counterparty.codes[row] < 0 ? 0 : 1
    const count = values[1] - self
    const frauds = values[2] ?? 0
    out[start] = values[0] - self
    out[start + 1] = count
    out[start + 2] = Math.min(1, (frauds + priorWeight * baseRate) / (count + priorWeight))
  }
}
