/**
 * The one definition of every feature. Scoring, training, reasons and documents take names, units and meanings from here, and the
 * order is the order in the vector. All are computed from one customer's history by `profile.ts`, as of the transaction's own time t.
 *
 * A window of length w is (t - w, t]: a transaction exactly w before is out. "Payments" are debits that move money (authorization,
 * transfer, and a capture that names no original), declined ones too; the transaction itself is one of them where it is a payment.
 * "Earlier" means before it by time, then by the hash of the id. Nothing looks back further than 30 days. Amounts are minor units
 * of the tenant's base currency.
 */
import { createHash } from 'node:crypto'

export type FeatureType = 'number' | 'count' | 'flag'
export type Feature = {
  readonly name: string
  readonly type: FeatureType
  readonly unit: string
  readonly entity: 'transaction' | 'customer'
  readonly meaning: string
}

const hour = 3_600_000
const day = 24 * hour

/** Windows in milliseconds, shortest first. */
export const windows = { '1h': hour, '24h': day, '7d': 7 * day, '30d': 30 * day } as const
export const longestWindow = windows['30d']

const own = (name: string, type: FeatureType, unit: string, meaning: string): Feature => ({ name, type, unit, entity: 'customer', meaning })
const flag = (name: string, meaning: string): Feature => own(name, 'flag', '0 or 1', meaning)
const given = (name: string, meaning: string): Feature => ({ name, type: 'flag', unit: '0 or 1', entity: 'transaction', meaning })

const spans = { '1h': '1 hour', '24h': '24 hours', '7d': '7 days', '30d': '30 days' }
const counts = Object.entries(spans).map(([w, words]) => own(`count_${w}`, 'count', 'payments', `Payments in ${words}`))
const sums = Object.entries(spans).map(([w, words]) => own(`sum_${w}`, 'number', 'minor units', `Amount of the payments in ${words}`))

/** Every feature, in the order of the vector. */
export const features: readonly Feature[] = [
  { name: 'amount', type: 'number', unit: 'minor units', entity: 'transaction', meaning: 'Amount, to 24 significant bits' },
  ...counts,
  ...sums,
  own('amount_ratio', 'number', 'ratio', 'Amount over the mean of the earlier payments in 30 days; 1 where there is none'),
  own(
    'amount_deviation',
    'number',
    'standard deviations',
    'Amount less the mean of the earlier payments in 30 days, over their standard deviation (at least 5 % of the mean and 1 minor unit), within -20 and 20; 0 with fewer than 2',
  ),
  own('gap', 'number', 'seconds', 'Since the transaction before; 30 days where there is none'),
  flag('new_counterparty', 'The counterparty does not occur among the earlier transactions of 30 days; 0 where none is named'),
  flag('new_category', 'The category does not occur among them; 0 where none is named'),
  flag('new_device', 'The device does not occur among them; 0 where none is named'),
  flag('new_country', 'The country does not occur among them; 0 where none is named'),
  flag('new_channel', 'The channel does not occur among them; 0 where none is named'),
  given('device_unknown', 'The transaction names no device'),
  own('counterparties_24h', 'count', 'counterparties', 'Different counterparties in 24 hours, this one included'),
  own('home_distance', 'number', 'km', 'From the home to the place, to about 0.5 km; 0 where one of them is unknown'),
  flag('home_distance_unknown', 'The home or the place is unknown'),
  own(
    'speed',
    'number',
    'km/h',
    'Between the place and the last one known in 30 days, over the time between (at least 5 minutes), at most 20,000; 0 where one of them is unknown',
  ),
  flag('night', 'Between 0 and 6 o’clock in the zone of the home (UTC where it is unknown)'),
  own('night_share', 'number', 'share', 'Part of the earlier transactions of 30 days that were at night; 0 where there is none'),
  own('declined_24h', 'count', 'transactions', 'Transactions of 24 hours that the bank’s own response declined, this one included'),
  own('declined_outcomes_24h', 'count', 'outcomes', 'Outcomes declined or blocked that became known in 24 hours'),
  own('refunds_30d', 'count', 'transactions', 'Refunds and reversals in 30 days, this one included'),
  given('card_not_present', 'By e-commerce, mail or telephone order, mobile or online, or keyed in'),
  given('transfer', 'A transfer between accounts'),
  given('credit', 'Money to the customer'),
  own('account_age', 'number', 'days', 'Since the customer was opened, at most 3,650; 0 where that is unknown'),
  flag('account_age_unknown', 'When the customer was opened is unknown'),
]

/** How many features a vector has. */
export const width = features.length
export const featureNames: readonly string[] = features.map((f) => f.name)

/** 16 hex characters that change with any definition: a model and a recorded vector belong together when theirs are equal. */
export const featureSetHash: string = createHash('sha256').update(JSON.stringify(features)).digest('hex').slice(0, 16)

/** Place of each feature in the vector. Throws at the first use of a name that does not exist. */
export function indexOf(name: string): number {
  const index = featureNames.indexOf(name)
  if (index < 0) throw new RangeError(`There is no feature '${name}'`)
  return index
}
