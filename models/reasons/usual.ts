/**
 * What a usual transaction of the same customer would look like: the baseline that reasons are measured from. It is made from the vector
 * alone, so that reasons can be computed anew from a recorded row.
 *
 * The amount is the mean of the earlier payments, and the windows hold what 30 days of them let expect; what is new or has been
 * declined, is not; shares are what they are, and a flag that has one is that share. Counterparty, device and address are the same ones, at their
 * own pace and without known frauds, known for long, and a device or an address used by this customer only. What says how much is known
 * (history, unknown places) stays as it is.
 */
import { entityTypes } from '../fold/counter-features.ts'
import { baseRate, mostDays, priorWeight } from '../fold/counters.ts'
import { indexOf, windows } from '../fold/features.ts'

const names = ['1h', '24h', '7d', '30d'] as const
const spans = names.map((w) => ({
  part: windows[w] / windows['30d'],
  count: indexOf(`count_${w}`),
  sum: indexOf(`sum_${w}`),
  mean: indexOf(`mean_${w}`),
  max: indexOf(`max_${w}`),
}))
const [hourSpan, daySpan, weekSpan, monthSpan] = spans

/** Zero unless something is unusual. */
const zero = [
  ...['round_amount', 'under_round_amount', 'transfer', 'credit', 'amount_deviation', 'same_amount_24h', 'same_counterparty_24h'],
  ...['new_counterparty', 'new_category', 'new_device', 'new_country', 'new_channel', 'new_instrument', 'home_distance', 'speed'],
  ...['declined_24h', 'declined_outcomes_24h', 'declined_outcomes_30d', 'refunds_30d', 'credits_24h', 'credit_sum_24h', 'cash_24h'],
  ...['large_14d'],
].map(indexOf)

const at = {
  amount: indexOf('amount'),
  ratio: indexOf('amount_ratio'),
  overMedian: indexOf('amount_over_median'),
  overMax: indexOf('amount_over_max'),
  dayOverHabit: indexOf('day_over_habit'),
  credit: indexOf('credit'),
  history: indexOf('history'),
  cardNotPresent: indexOf('card_not_present'),
  remoteShare: indexOf('remote_share'),
  deviceUnknown: indexOf('device_unknown'),
  ipUnknown: indexOf('ip_unknown'),
  newDevice: indexOf('new_device'),
  devices: indexOf('devices_30d'),
  newCounterparty: indexOf('new_counterparty'),
  sameCounterparty: indexOf('same_counterparty_30d'),
  counterparties: indexOf('counterparties_24h'),
  instruments: indexOf('instruments_24h'),
  night: indexOf('night'),
  nightShare: indexOf('night_share'),
  weekend: indexOf('weekend'),
  weekendShare: indexOf('weekend_share'),
  gap: indexOf('gap'),
  gapMean: indexOf('gap_mean'),
  accountAge: indexOf('account_age'),
  accountAgeUnknown: indexOf('account_age_unknown'),
  instrumentCount1: indexOf('instrument_count_1h'),
  instrumentCount24: indexOf('instrument_count_24h'),
  instrumentSum24: indexOf('instrument_sum_24h'),
  instrumentGap: indexOf('instrument_gap'),
}

/** Days after which an account, and a counterparty, a device or an address, is no longer a new one. */
const settled = 365
const known = 7

const sharedNames = ['count_1h', 'count_24h', 'count_30d', 'cards_24h', 'cards_30d', 'age', 'fraud_share', 'frauds_30d'] as const
const labelNames = ['since_first_fraud', 'since_last_fraud', 'genuine_since'] as const
type SharedName = (typeof sharedNames)[number] | (typeof labelNames)[number]

/** Where the counters of each entity lie, the flag that says that none is named, and whether it should be the customer's alone. */
const shared = entityTypes.map((entity) => ({
  unknown: entity === 'counterparty' ? undefined : indexOf(`${entity}_unknown`),
  mine: entity !== 'counterparty',
  ...(Object.fromEntries([...sharedNames, ...labelNames].map((name) => [name, indexOf(`${entity}_${name}`)])) as Record<
    SharedName,
    number
  >),
}))

/** Writes the usual transaction of the customer of `vector` into `out`. */
export function usualOf(vector: Float32Array, out: Float32Array): void {
  out.set(vector)
  for (const i of zero) out[i] = 0
  usualAmounts(vector, out)
  usualWays(vector, out)
  for (const entity of shared) {
    if (entity.unknown === undefined ? isUnnamed(vector) : vector[entity.unknown] === 1) continue
    const month = vector[entity.count_30d]
    out[entity.count_1h] = Math.min(vector[entity.count_1h], month / 720)
    out[entity.count_24h] = Math.min(vector[entity.count_24h], month / 30)
    out[entity.cards_24h] = Math.min(vector[entity.cards_24h], vector[entity.cards_30d] / 30)
    if (entity.mine) {
      out[entity.cards_24h] = Math.min(1, vector[entity.cards_24h])
      out[entity.cards_30d] = Math.min(1, vector[entity.cards_30d])
    }
    if (vector[entity.age] < known) out[entity.age] = mostDays
    out[entity.fraud_share] = (priorWeight * baseRate) / (month + priorWeight)
    out[entity.frauds_30d] = 0
    out[entity.since_first_fraud] = mostDays
    out[entity.since_last_fraud] = mostDays
    out[entity.genuine_since] = 0
  }
}

/** Whether no counterparty is named: then it is neither new nor paid before. */
const isUnnamed = (vector: Float32Array): boolean => vector[at.newCounterparty] === 0 && vector[at.sameCounterparty] === 0

/** The mean of the customer's earlier payments; the amount itself where there is none. */
function usualAmount(vector: Float32Array): number {
  const ratio = vector[at.ratio]
  return ratio > 0 ? vector[at.amount] / ratio : vector[monthSpan.mean]
}

function usualAmounts(vector: Float32Array, out: Float32Array): void {
  const amount = usualAmount(vector)
  const ratio = vector[at.ratio]
  // A payment is one of those in its windows.
  const own = vector[at.credit] === 1 || vector[hourSpan.count] === 0 ? 0 : 1
  const earlier = Math.max(0, vector[monthSpan.count] - own)
  const greatest = vector[at.overMax] > 0 ? vector[at.amount] / vector[at.overMax] : Math.max(amount, vector[monthSpan.max])
  out[at.amount] = amount
  out[at.ratio] = 1
  if (ratio > 0) {
    out[at.overMedian] = vector[at.overMedian] / ratio
    out[at.overMax] = vector[at.overMax] / ratio
  }
  for (const { part, count, sum, mean, max } of spans) {
    const n = own + earlier * part
    out[count] = n
    out[sum] = n * amount
    out[mean] = n === 0 ? 0 : amount
    out[max] = n === 0 ? 0 : amount
  }
  out[monthSpan.max] = earlier === 0 ? out[monthSpan.max] : greatest
  if (earlier > 0) out[weekSpan.max] = Math.max(amount, Math.min(greatest, vector[weekSpan.max]))
  out[at.dayOverHabit] = out[monthSpan.sum] > 0 ? (30 * out[daySpan.sum]) / out[monthSpan.sum] : 0
  out[at.counterparties] = Math.min(vector[at.counterparties], out[daySpan.count])
  out[at.instruments] = 1
  out[at.instrumentCount1] = out[hourSpan.count]
  out[at.instrumentCount24] = out[daySpan.count]
  out[at.instrumentSum24] = out[daySpan.sum]
}

function usualWays(vector: Float32Array, out: Float32Array): void {
  out[at.gap] = vector[at.gapMean]
  out[at.instrumentGap] = vector[at.gapMean]
  out[at.night] = vector[at.nightShare]
  out[at.weekend] = vector[at.weekendShare]
  if (vector[at.accountAgeUnknown] === 0) out[at.accountAge] = Math.max(settled, vector[at.accountAge])
  if (vector[at.newCounterparty] === 1) out[at.sameCounterparty] = 1
  if (vector[at.newDevice] === 1) out[at.devices] = Math.max(1, vector[at.devices] - 1)
  if (vector[at.history] === 0) return
  const remote = vector[at.remoteShare]
  out[at.cardNotPresent] = remote
  // A customer who pays from afar with a device names one so often; one who never named any is not expected to.
  const devices = vector[at.devices] - vector[at.newDevice]
  out[at.deviceUnknown] = devices > 0 ? Math.min(vector[at.deviceUnknown], 1 - remote) : vector[at.deviceUnknown]
  out[at.ipUnknown] = devices > 0 ? Math.min(vector[at.ipUnknown], 1 - remote) : vector[at.ipUnknown]
}
