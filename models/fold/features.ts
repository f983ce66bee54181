/**
 * The one definition of every feature. Scoring, training, reasons, the verifier and `docs/features.md` take names, units and meanings
 * from here, and the order is the order in the vector. A customer's are computed from that customer's history by `fold.ts`, as of the
 * transaction's own time t; those of counterparties, devices and addresses come from the counters of `counters.ts`.
 *
 * A window of length w is (t - w, t]: a transaction exactly w before is out. "Payments" are debits that move money (authorization,
 * transfer, and a capture that names no original), declined ones too; the transaction itself is one of them where it is a payment.
 * "Earlier" means before it by time, then by the hash of the id. Nothing looks back further than 30 days, nor beyond the newest 1,000
 * transactions. Amounts are minor units of the tenant's base currency.
 */
import { createHash } from 'node:crypto'
import { counterFeatures, entityTypes } from './counter-features.ts'

export type FeatureType = 'number' | 'count' | 'flag'
/** Whose history a feature looks at. */
export type Entity = 'transaction' | 'customer' | 'instrument' | 'counterparty' | 'device' | 'ip'
export type Feature = {
  readonly name: string
  readonly type: FeatureType
  readonly unit: string
  readonly entity: Entity
  readonly meaning: string
  /** The first version of Assay whose rows have it. */
  readonly since: string
}

const hour = 3_600_000
const day = 24 * hour

/** Windows in milliseconds, shortest first. */
export const windows = { '1h': hour, '24h': day, '7d': 7 * day, '30d': 30 * day } as const
export const longestWindow = windows['30d']
/** A payment is large when it is so many times the customer's median, and is remembered so long. */
export const large = { times: 3, window: 14 * day } as const

type Make = (name: string, type: FeatureType, unit: string, meaning: string, since?: string) => Feature
const of =
  (entity: Entity): Make =>
  (name, type, unit, meaning, since = '0.2') => ({ name, type, unit, entity, meaning, since })
const own = of('customer')
const given = of('transaction')
const card = of('instrument')
const first = '0.1'

const spans = Object.entries({ '1h': '1 hour', '24h': '24 hours', '7d': '7 days', '30d': '30 days' })
const perSpan = (name: string, type: FeatureType, unit: string, meaning: string, since?: string) =>
  spans.map(([w, words]) => own(`${name}_${w}`, type, unit, meaning.replace('SPAN', words), since))
const flag = (name: string, meaning: string, since?: string) => own(name, 'flag', '0 or 1', meaning, since)
const fact = (name: string, meaning: string, since?: string) => given(name, 'flag', '0 or 1', meaning, since)

/** What a profile computes from one customer's history. */
const ownFeatures: readonly Feature[] = [
  given('amount', 'number', 'minor units', 'Amount, to 24 significant bits', first),
  fact('round_amount', 'At least 1,000 minor units with at most two leading digits that are not zero'),
  fact('under_round_amount', 'At least 1,000 minor units, and at most 5 % under 1, 2 or 5 times a power of ten'),
  fact('card_not_present', 'By e-commerce, mail or telephone order, mobile or online, or keyed in', first),
  fact('transfer', 'A transfer between accounts', first),
  fact('credit', 'Money to the customer', first),
  fact('device_unknown', 'The transaction names no device', first),
  fact('ip_unknown', 'It names no IP address'),
  fact('place_unknown', 'It names no place'),

  ...perSpan('count', 'count', 'payments', 'Payments in SPAN', first),
  ...perSpan('sum', 'number', 'minor units', 'Amount of the payments in SPAN', first),
  ...perSpan('mean', 'number', 'minor units', 'Mean amount of the payments in SPAN; 0 where there is none'),
  ...perSpan('max', 'number', 'minor units', 'Greatest amount of the payments in SPAN; 0 where there is none'),
  own('amount_ratio', 'number', 'ratio', 'Amount over the mean of the earlier payments in 30 days; 1 where there is none', first),
  own('amount_over_median', 'number', 'ratio', 'Amount over the median of the earlier payments in 30 days; 1 where there is none'),
  own('amount_over_max', 'number', 'ratio', 'Amount over the greatest of the earlier payments in 30 days; 1 where there is none'),
  own(
    'amount_deviation',
    'number',
    'standard deviations',
    'Amount less the mean of the earlier payments in 30 days, over their standard deviation (at least 5 % of the mean and 1 minor unit), within -20 and 20; 0 with fewer than 2',
    first,
  ),
  own(
    'day_over_habit',
    'number',
    'ratio',
    'Amount of the payments in 24 hours over a thirtieth of those in 30 days; 0 where there is none',
  ),
  own(
    'large_14d',
    'count',
    'payments',
    'Payments in 14 days, this one included, of more than 3 times the median of the earlier payments in 30 days; 0 where there is none',
  ),
  own('same_amount_24h', 'count', 'payments', 'Earlier payments of the same amount in 24 hours'),
  own('same_counterparty_24h', 'count', 'payments', 'Earlier payments to the same counterparty in 24 hours; 0 where none is named'),
  own('same_counterparty_30d', 'count', 'payments', 'Earlier payments to the same counterparty in 30 days; 0 where none is named'),

  own('gap', 'number', 'seconds', 'Since the transaction before; 30 days where there is none', first),
  own('gap_mean', 'number', 'seconds', 'Mean time between the earlier transactions of 30 days; 30 days with fewer than 2'),
  own('gap_variation', 'number', 'ratio', 'Standard deviation of those times over their mean: small when regular; 0 with fewer than 3'),
  own('history', 'count', 'transactions', 'Earlier transactions of 30 days'),
  flag('history_bounded', 'There may be more than the newest 1,000 in 30 days: counts and sums are over those'),

  flag('new_counterparty', 'The counterparty does not occur among the earlier transactions of 30 days; 0 where none is named', first),
  flag('new_category', 'The category does not occur among them; 0 where none is named', first),
  flag('new_device', 'The device does not occur among them; 0 where none is named', first),
  flag('new_country', 'The country does not occur among them; 0 where none is named', first),
  flag('new_channel', 'The channel does not occur among them; 0 where none is named', first),
  flag('new_instrument', 'The instrument does not occur among them'),
  own('counterparties_24h', 'count', 'counterparties', 'Different counterparties in 24 hours, this one included', first),
  own('devices_30d', 'count', 'devices', 'Different devices in 30 days, this one included'),
  own('instruments_24h', 'count', 'instruments', 'Different instruments in 24 hours, this one included'),

  own('home_distance', 'number', 'km', 'From the home to the place, to about 0.5 km; 0 where one of them is unknown', first),
  flag('home_distance_unknown', 'The home or the place is unknown', first),
  own(
    'speed',
    'number',
    'km/h',
    'Between the place and the last one known in 30 days, over the time between (at least 5 minutes), at most 20,000; 0 where one of them is unknown',
    first,
  ),
  flag('night', 'Between 0 and 6 o’clock in the zone of the home (UTC where it is unknown)', first),
  own('night_share', 'number', 'share', 'Part of the earlier transactions of 30 days that were at night; 0 where there is none', first),
  flag('weekend', 'Saturday or Sunday in the zone of the home (UTC where it is unknown)'),
  own('weekend_share', 'number', 'share', 'Part of the earlier transactions of 30 days that were at a weekend; 0 where there is none'),
  own('remote_share', 'number', 'share', 'Part of the earlier transactions of 30 days with the card not present; 0 where there is none'),

  own('declined_24h', 'count', 'transactions', 'Transactions of 24 hours that the bank’s own response declined, this one included', first),
  own('declined_outcomes_24h', 'count', 'outcomes', 'Outcomes declined or blocked that became known in 24 hours', first),
  own('declined_outcomes_30d', 'count', 'outcomes', 'Outcomes declined or blocked that became known in 30 days'),
  own('refunds_30d', 'count', 'transactions', 'Refunds and reversals in 30 days, this one included', first),
  own('credits_24h', 'count', 'transactions', 'Credits in 24 hours, this one included'),
  own('credit_sum_24h', 'number', 'minor units', 'Amount of the credits in 24 hours, this one included'),
  own('cash_24h', 'count', 'transactions', 'Transactions at cash machines in 24 hours, this one included'),
  own('account_age', 'number', 'days', 'Since the customer was opened, at most 3,650; 0 where that is unknown', first),
  flag('account_age_unknown', 'When the customer was opened is unknown', first),

  card('instrument_count_1h', 'count', 'payments', 'Payments with the instrument in 1 hour'),
  card('instrument_count_24h', 'count', 'payments', 'Payments with the instrument in 24 hours'),
  card('instrument_sum_24h', 'number', 'minor units', 'Amount of the payments with the instrument in 24 hours'),
  card('instrument_gap', 'number', 'seconds', 'Since the transaction before with the instrument; 30 days where there is none'),
]

/** What is read from the counters of an entity over all customers. */
const sharedFeatures: readonly Feature[] = entityTypes.flatMap((entity) =>
  counterFeatures.map(({ name, type, unit, meaning }) =>
    of(entity)(`${entity}_${name}`, type, unit, meaning.replace('THING', entity === 'ip' ? 'address' : entity)),
  ),
)

/** Every feature, in the order of the vector: the customer's own first, then those of `entityTypes`, each as `counterFeatures` has them. */
export const features: readonly Feature[] = [...ownFeatures, ...sharedFeatures]

/** How many features a vector has, and how many of them are the customer's own. */
export const width = features.length
export const ownWidth = ownFeatures.length
export const featureNames: readonly string[] = features.map((f) => f.name)

/** 16 hex characters that change with any definition: a model and a recorded vector belong together when theirs are equal. */
export const featureSetHash: string = createHash('sha256').update(JSON.stringify(features)).digest('hex').slice(0, 16)

const places = new Map(featureNames.map((name, i) => [name, i]))

/** Place of each feature in the vector. Throws at the first use of a name that does not exist. */
export function indexOf(name: string): number {
  const index = places.get(name)
  if (index === undefined) throw new RangeError(`There is no feature '${name}'`)
  return index
}
