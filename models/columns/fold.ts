/** The fold of a feature profile over columns: for training, and beside features that others published. */
import { AssayError } from '../../services/shared/errors.ts'
import { width } from '../fold/features.ts'
import { isWeekend, zoneOf } from '../fold/zone.ts'
import { type ColumnFeature, type FeatureProfile, featuresOf } from './feature-profile.ts'
import { type Columns, unitOf } from './read.ts'
import { createServingFold } from './serving.ts'
import { Windows } from './windows.ts'

export type ColumnFold = {
  features: readonly ColumnFeature[]
  /** Writes the features of a row into `out` from `start` on. Every row must be folded once, in order. */
  fold(row: number, out: Float32Array, start: number): void
}

type Windowed = Extract<ColumnFeature, { window: number }>
const day = 86_400_000

type Write = (at: number, out: Float32Array, start: number) => void

/** Writes one feature out of the windows of its entity, `at` being where they begin. */
function writer(feature: Windowed, windows: Windows, window: number, place: number, unit: number): Write {
  const { counts, sums, frauds } = windows
  const days = (feature.window + feature.delay) / day
  const put =
    (value: (at: number) => number, none = 0): Write =>
    (at, out, start) => {
      out[start + place] = at < 0 ? none : value(at + window)
    }
  switch (feature.kind) {
    case 'count':
    case 'labelled_count':
      return put((at) => counts[at])
    case 'sum':
      return put((at) => sums[at] / unit)
    case 'mean':
      return put((at) => sums[at] / unit / counts[at])
    case 'frauds':
      return put((at) => frauds[at])
    case 'fraud_share':
      return put((at) => (counts[at] === 0 ? 0 : frauds[at] / counts[at]))
    case 'since_first_fraud':
      return put((at) => (frauds[at] === 0 ? days : windows.sinceFirstFraud(at) / day), days)
    case 'since_last_fraud':
      return put((at) => (frauds[at] === 0 ? days : windows.sinceLastFraud(at) / day), days)
    case 'genuine_since':
      return put((at) => (frauds[at] === 0 ? 0 : windows.genuineSince(at)))
  }
}

/** Features of one entity with one delay, which share their windows. */
function groupFold(
  columns: Columns,
  members: { feature: Windowed; place: number }[],
): (row: number, out: Float32Array, start: number) => void {
  const { entity, delay, name } = members[0].feature
  const column = columns.texts.get(entity)
  if (!column) throw new AssayError('profile_invalid', `${name} is of the ${entity}, but the map has no source for that field`)
  const spans = [...new Set(members.map(({ feature }) => feature.window))]
  const windows = new Windows(columns, column, spans, delay)
  const writes = members.map(({ feature, place }) => writer(feature, windows, spans.indexOf(feature.window), place, unitOf(columns)))
  return (row, out, start) => {
    const at = windows.take(row)
    for (let i = 0; i < writes.length; i++) writes[i](at, out, start)
  }
}

/** Makes the fold of a profile. Throws `profile_invalid` where the columns lack what it needs. */
export function createColumnFold(columns: Columns, profile: FeatureProfile): ColumnFold {
  const features = featuresOf(profile, columns.labelDelay)
  const zone = zoneOf(profile.zone ?? 'UTC')
  const groups = new Map<string, { feature: Windowed; place: number }[]>()
  const picked: { place: number; index: number }[] = []
  const local: ((weekHour: number, out: Float32Array, start: number) => void)[] = []
  features.forEach((feature, place) => {
    if (feature.kind === 'registered') picked.push({ place, index: feature.index })
    else if (feature.kind === 'weekend')
      local.push((weekHour, out, start) => {
        out[start + place] = isWeekend(weekHour) ? 1 : 0
      })
    else if (feature.kind === 'hours') {
      const { from, to } = feature
      // Hours over midnight: from 22 to 5.
      const within = from <= to ? (h: number) => h >= from && h <= to : (h: number) => h >= from || h <= to
      local.push((weekHour, out, start) => {
        out[start + place] = within(weekHour % 24) ? 1 : 0
      })
    } else {
      const key = `${feature.entity} ${feature.delay}`
      groups.set(key, [...(groups.get(key) ?? []), { feature, place }])
    }
  })
  const serving = picked.length > 0 ? createServingFold(columns) : undefined
  const served = new Float32Array(width)
  const folds = [...groups.values()].map((members) => groupFold(columns, members))
  return {
    features,
    fold(row, out, start) {
      const weekHour = local.length === 0 ? 0 : zone.weekHour(columns.times[row])
      for (let i = 0; i < local.length; i++) local[i](weekHour, out, start)
      serving?.(row, served, 0)
      for (let i = 0; i < picked.length; i++) out[start + picked[i].place] = served[picked[i].index]
      for (let i = 0; i < folds.length; i++) folds[i](row, out, start)
    },
  }
}
