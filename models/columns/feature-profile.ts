/**
 * A feature profile says which features a data set has, out of the kinds defined here, and how they are called: with a map of the columns
 * it is all that a new data set needs. They are exact and as of the time t of the transaction, in order of the file where times are equal.
 */
import { readFileSync } from 'node:fs'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { AssayError, messageOf } from '../../services/shared/errors.ts'
import { type Feature, type FeatureType, indexOf, features as registered } from '../fold/features.ts'

type Kind = { type: FeatureType; unit: string; meaning: string }

/** What each kind of feature is; WINDOW, ENTITY and so on stand for what the profile says. */
export const kinds = {
  weekend: { type: 'flag', unit: '0 or 1', meaning: 'Saturday or Sunday in ZONE' },
  hours: { type: 'flag', unit: '0 or 1', meaning: 'In an hour from FROM to TO, both included, in ZONE' },
  count: { type: 'count', unit: 'transactions', meaning: 'Transactions of the ENTITY in (t - WINDOW, t], this one included' },
  sum: { type: 'number', unit: 'currency', meaning: 'Amount of the transactions of the ENTITY in (t - WINDOW, t], this one included' },
  mean: {
    type: 'number',
    unit: 'currency',
    meaning: 'Mean amount of the transactions of the ENTITY in (t - WINDOW, t], this one included',
  },
  over_quantile: {
    type: 'number',
    unit: 'ratio',
    meaning:
      'Amount over that below which QUANTILE of the earlier transactions of the ENTITY in (t - WINDOW, t] lie, in order of their amounts; 1 where there is none',
  },
  since_large: {
    type: 'number',
    unit: 'days',
    meaning:
      'Since the last earlier transaction of the ENTITY whose amount was more than 3 times the median of those in WINDOW before it; WINDOW where there is none',
  },
  labelled_count: {
    type: 'count',
    unit: 'transactions',
    meaning: 'Transactions of the ENTITY whose labels became known in the WINDOW up to t: those in (t - DELAY - WINDOW, t - DELAY]',
  },
  frauds: { type: 'count', unit: 'transactions', meaning: 'Frauds of the ENTITY in (t - DELAY - WINDOW, t - DELAY]' },
  fraud_share: {
    type: 'number',
    unit: 'share',
    meaning: 'Part of the transactions of the ENTITY in (t - DELAY - WINDOW, t - DELAY] that were frauds; 0 where there is none',
  },
  since_first_fraud: {
    type: 'number',
    unit: 'days',
    meaning: 'Since the first fraud of the ENTITY in (t - DELAY - WINDOW, t - DELAY]; DELAY and WINDOW together where there is none',
  },
  since_last_fraud: {
    type: 'number',
    unit: 'days',
    meaning: 'Since the last fraud of the ENTITY in (t - DELAY - WINDOW, t - DELAY]; DELAY and WINDOW together where there is none',
  },
  genuine_since: {
    type: 'count',
    unit: 'transactions',
    meaning:
      'Genuine transactions of the ENTITY after the first of its frauds in (t - DELAY - WINDOW, t - DELAY], up to t - DELAY; 0 where there is none',
  },
  fraud_run: {
    type: 'count',
    unit: 'transactions',
    meaning: 'Frauds of the ENTITY in (t - DELAY - WINDOW, t - DELAY] after its last genuine transaction up to t - DELAY',
  },
  since_run_began: {
    type: 'number',
    unit: 'days',
    meaning:
      'Since the first fraud of the ENTITY in (t - DELAY - WINDOW, t - DELAY] after its last genuine transaction up to t - DELAY; DELAY and WINDOW together where there is none',
  },
  run_least_ratio: {
    type: 'number',
    unit: 'ratio',
    meaning:
      'Least amount of those frauds (of fraud_run), each over the median of its customer’s 90 days before: of ordinary amounts where it is the ENTITY and not the card that is abused; at most 20, which also stands for none',
  },
  since_last_genuine: {
    type: 'number',
    unit: 'days',
    meaning:
      'Since the last genuine transaction of the ENTITY in (t - DELAY - WINDOW, t - DELAY]; DELAY and WINDOW together where there is none',
  },
} as const satisfies Record<string, Kind>

const entities = ['customer', 'instrument', 'counterparty', 'device', 'ip'] as const
const labelKinds = [
  'labelled_count',
  'frauds',
  'fraud_share',
  'since_first_fraud',
  'since_last_fraud',
  'genuine_since',
  'fraud_run',
  'since_run_began',
  'run_least_ratio',
  'since_last_genuine',
] as const
const Windowed = {
  name: Type.String({ description: '{window} stands for the window as it is written, {size} for its number' }),
  of: Type.Enum([...entities]),
  windows: Type.Array(Type.String({ pattern: '^[1-9]\\d{0,3}[hd]$' }), { minItems: 1, description: 'Such as 12h or 30d' }),
}
const Hour = Type.Integer({ minimum: 0, maximum: 23 })
const exact = { additionalProperties: false }

const FeatureProfile = Type.Object(
  {
    description: Type.Optional(Type.String()),
    zone: Type.Optional(Type.String({ description: 'IANA zone of weekends and hours; UTC unless given' })),
    features: Type.Array(
      Type.Union([
        Type.Object(
          {
            kind: Type.Literal('registered'),
            names: Type.Array(Type.Enum(registered.map((f) => f.name)), {
              minItems: 1,
              description: 'Features of docs/features.md, as they serve',
            }),
          },
          exact,
        ),
        Type.Object({ kind: Type.Literal('weekend'), name: Type.String() }, exact),
        Type.Object({ kind: Type.Literal('hours'), name: Type.String(), from: Hour, to: Hour }, exact),
        Type.Object({ kind: Type.Enum(['count', 'sum', 'mean', 'since_large', ...labelKinds]), ...Windowed }, exact),
        Type.Object(
          {
            kind: Type.Literal('over_quantile'),
            quantile: Type.Number({ minimum: 0, maximum: 1, description: '0.5 is the median' }),
            ...Windowed,
          },
          exact,
        ),
      ]),
      { minItems: 1 },
    ),
  },
  exact,
)
export type FeatureProfile = Type.Static<typeof FeatureProfile>
export type LabelKind = (typeof labelKinds)[number]

/** One feature of a profile, with its definition; `window` and `delay` are milliseconds. */
export type ColumnFeature = Feature &
  (
    | { kind: 'registered'; index: number }
    | { kind: 'weekend' }
    | { kind: 'hours'; from: number; to: number }
    | (({ kind: 'count' | 'sum' | 'mean' | LabelKind } | { kind: 'since_large' } | { kind: 'over_quantile'; quantile: number }) & {
        entity: (typeof entities)[number]
        window: number
        delay: number
      })
  )

const schema = Compile(FeatureProfile)
const hour = 3_600_000
const msOf = (window: string): number => Number(window.slice(0, -1)) * (window.endsWith('d') ? 24 * hour : hour)
const isLabelKind = (kind: string): kind is LabelKind => (labelKinds as readonly string[]).includes(kind)
const since = '0.2'

/** Reads and checks a profile, or throws `profile_invalid` with every fault. */
export function readFeatureProfile(path: string): FeatureProfile {
  let profile: unknown
  try {
    profile = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new AssayError('profile_invalid', `${path}: ${messageOf(error)}`, { cause: error })
  }
  if (schema.Check(profile)) return profile
  const faults = schema.Errors(profile).map((e) => `${e.instancePath || '/'} ${e.message}`)
  throw new AssayError('profile_invalid', `${path} has faults:\n  ${faults.join('\n  ')}`, { details: { faults } })
}

/**
 * The features of a profile in its order, a window after the other. `labelDelay` is how many milliseconds after a transaction its label is
 * known; undefined where there are no labels. Throws `profile_invalid` where the profile asks for what the data set cannot have.
 */
export function featuresOf(profile: FeatureProfile, labelDelay: number | undefined): ColumnFeature[] {
  const zone = profile.zone ?? 'UTC'
  const features = profile.features.flatMap((asked): ColumnFeature[] => {
    if (asked.kind === 'registered')
      return asked.names.map((name) => {
        const index = indexOf(name)
        return { ...registered[index], kind: 'registered', index }
      })
    const { type, unit, meaning } = kinds[asked.kind]
    const basis = { type, unit, since }
    if (asked.kind === 'weekend')
      return [{ ...basis, kind: 'weekend', name: asked.name, entity: 'transaction', meaning: meaning.replace('ZONE', zone) }]
    if (asked.kind === 'hours') {
      const { from, to } = asked
      const said = meaning.replace('FROM', String(from)).replace('TO', String(to)).replace('ZONE', zone)
      return [{ ...basis, kind: 'hours', name: asked.name, entity: 'transaction', meaning: said, from, to }]
    }
    const { kind, of, name } = asked
    const delay = isLabelKind(kind) ? labelDelay : 0
    // With no delay a transaction's own label would be among its features.
    if (delay === undefined || (isLabelKind(kind) && delay <= 0))
      throw new AssayError(
        'profile_invalid',
        `${name} needs labels that are known after their transactions: the map's label.delayDays above 0`,
      )
    const said = meaning
      .replaceAll('ENTITY', of)
      .replaceAll('DELAY', `${delay / (24 * hour)}d`)
      .replaceAll('QUANTILE', 'quantile' in asked ? String(asked.quantile) : '')
    return asked.windows.map((w) => ({
      ...basis,
      ...(asked.kind === 'over_quantile'
        ? { kind: asked.kind, quantile: asked.quantile }
        : asked.kind === 'since_large'
          ? { kind: asked.kind }
          : { kind: asked.kind }),
      name: name.replaceAll('{window}', w).replaceAll('{size}', w.slice(0, -1)),
      entity: of,
      meaning: said.replaceAll('WINDOW', w),
      window: msOf(w),
      delay,
    }))
  })
  const names = features.map((f) => f.name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined)
    throw new AssayError('profile_invalid', `There are two features ${twice}; several windows need {window} or {size} in the name`)
  return features
}
