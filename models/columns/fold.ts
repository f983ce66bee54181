/** The fold of a feature profile over columns: for training, and beside features that others published. */
import { AssayError } from '../../services/shared/errors.ts'
import { width } from '../fold/features.ts'
import { isWeekend, zoneOf } from '../fold/zone.ts'
import { Amounts } from './amounts.ts'
import { type Columns, type TextColumn, unitOf } from './columns.ts'
import { type ColumnFeature, type FeatureProfile, featuresOf } from './feature-profile.ts'
import { createServingFold } from './serving.ts'
import { Windows } from './windows.ts'

export type ColumnFold = {
  features: readonly ColumnFeature[]
  /** Writes the features of a row into `out` from `start` on. Every row must be folded once, in order. */
  fold(row: number, out: Float32Array, start: number): void
}

type Windowed = Extract<ColumnFeature, { window: number }>
type OfAmounts = Extract<Windowed, { kind: 'over_quantile' | 'since_large' }>
type OfWindows = Exclude<Windowed, OfAmounts>
type Placed<T> = { feature: T; place: number }
type FoldRow = (row: number, out: Float32Array, start: number) => void
const day = 86_400_000
/** How far back a customer's amounts say what is usual, where it is about frauds of a merchant, and how much of it is told. */
const usualWindow = 90 * day
const mostRatio = 20

type Write = (at: number, out: Float32Array, start: number) => void

/** Writes one feature out of the windows of its entity, `at` being where they begin. */
function writer(feature: OfWindows, windows: Windows, window: number, place: number, unit: number): Write {
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
    case 'fraud_run':
      return put((at) => windows.run(at))
    case 'since_run_began':
      return put((at) => (windows.run(at) === 0 ? days : windows.sinceRunBegan(at) / day), days)
    case 'run_least_ratio':
      return put((at) => (windows.run(at) === 0 ? mostRatio : Math.min(mostRatio, windows.runLeast(at))), mostRatio)
    case 'since_last_genuine':
      return put((at) => Math.min(days, windows.sinceLastGenuine(at) / day), days)
  }
}

function columnOf(columns: Columns, { entity, name }: Windowed): TextColumn {
  const column = columns.texts.get(entity)
  if (!column) throw new AssayError('profile_invalid', `${name} is of the ${entity}, but the map has no source for that field`)
  return column
}

function usualAmounts(columns: Columns, { name }: Windowed): Amounts {
  const owner = columns.texts.get('customer') ?? columns.texts.get('instrument')
  if (!owner)
    throw new AssayError('profile_invalid', `${name} is beside what looks at customers, but the map names neither those nor instruments`)
  return new Amounts(columns, owner, usualWindow)
}

/** Features of one entity with one delay, which share their windows. */
function windowsFold(columns: Columns, members: readonly Placed<OfWindows>[]): FoldRow {
  const [{ feature: first }] = members
  const spans = [...new Set(members.map(({ feature }) => feature.window))]
  const usual = members.some(({ feature }) => feature.kind === 'run_least_ratio') ? usualAmounts(columns, first) : undefined
  const ratios = new Float32Array(usual ? columns.rows : 0)
  const windows = new Windows(columns, columnOf(columns, first), spans, first.delay, ratios)
  const writes = members.map(({ feature, place }) => writer(feature, windows, spans.indexOf(feature.window), place, unitOf(columns)))
  return (row, out, start) => {
    if (usual) ratios[row] = usual.overQuantile(usual.take(row), row, 0.5)
    const at = windows.take(row)
    for (let i = 0; i < writes.length; i++) writes[i](at, out, start)
  }
}

/** Features of one entity's amounts in one window. */
function amountsFold(columns: Columns, members: readonly Placed<OfAmounts>[]): FoldRow {
  const [{ feature: first }] = members
  const amounts = new Amounts(columns, columnOf(columns, first), first.window)
  return (row, out, start) => {
    const entity = amounts.take(row)
    for (const { feature, place } of members) {
      out[start + place] =
        feature.kind === 'over_quantile' ? amounts.overQuantile(entity, row, feature.quantile) : amounts.sinceLarge(entity, row) / day
    }
  }
}

function grouped<T>(members: readonly Placed<T>[], keyOf: (feature: T) => string): Placed<T>[][] {
  const groups = new Map<string, Placed<T>[]>()
  for (const member of members) groups.set(keyOf(member.feature), [...(groups.get(keyOf(member.feature)) ?? []), member])
  return [...groups.values()]
}

/** Makes the fold of a profile. Throws `profile_invalid` where the columns lack what it needs. */
export function createColumnFold(columns: Columns, profile: FeatureProfile): ColumnFold {
  const features = featuresOf(profile, columns.labelDelay)
  const zone = zoneOf(profile.zone ?? 'UTC')
  const windowed: Placed<OfWindows>[] = []
  const ofAmounts: Placed<OfAmounts>[] = []
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
    } else if (feature.kind === 'over_quantile' || feature.kind === 'since_large') ofAmounts.push({ feature, place })
    else windowed.push({ feature, place })
  })
  const serving = picked.length > 0 ? createServingFold(columns) : undefined
  const served = new Float32Array(width)
  const folds = [
    ...grouped(windowed, ({ entity, delay }) => `${entity} ${delay}`).map((members) => windowsFold(columns, members)),
    ...grouped(ofAmounts, ({ entity, window }) => `${entity} ${window}`).map((members) => amountsFold(columns, members)),
  ]
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
