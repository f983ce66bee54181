/**
 * Shares of rows in which a feature has nothing to look at. A vector holds a number all the same, 0 mostly, and a flag says that it stands for nothing: a
 * transaction without a device, a customer whose home is unknown.
 */
import { features } from '../fold/features.ts'
import { binOf } from './column.ts'
import type { Counted } from './counts.ts'

export type Missing = { before: number; now: number }

/** Features of a customer that look at something which a transaction may not name. */
const flagOfOwn: Record<string, string> = {
  new_device: 'device_unknown',
  devices_30d: 'device_unknown',
  home_distance: 'home_distance_unknown',
  speed: 'place_unknown',
  account_age: 'account_age_unknown',
}
const flags = new Map(
  features.flatMap(({ name, entity }): [string, string][] => {
    const flag = entity === 'device' || entity === 'ip' ? `${entity}_unknown` : flagOfOwn[name]
    return flag === undefined ? [] : [[name, flag]]
  }),
)

const rounded = (value: number) => Math.round(value * 1e6) / 1e6

const shareNow = (counts: readonly number[], place: number): number =>
  (counts[place] ?? 0) /
  Math.max(
    1,
    counts.reduce((sum, n) => sum + n, 0),
  )

/** When the model was trained, and now: rows without a number, and those whose flag is up. */
export function missingOf({ name, bins, counts }: Counted, others: readonly Counted[]): Missing {
  const flag = others.find((other) => other.name === flags.get(name))
  const up = flag ? binOf(flag.bins, 1) : 0
  return {
    before: rounded(bins.missing + (flag?.bins.shares[up] ?? 0)),
    now: rounded(shareNow(counts, bins.shares.length) + (flag ? shareNow(flag.counts, up) : 0)),
  }
}
