/**
 * Under which reason each feature is told. Features that say the same in a customer's words are one group; which code it gets may depend on
 * the transaction, and groups that get one code are one reason. `undefined` is not told: there is nothing that a customer would understand.
 *
 * A feature adds to the logit only where the transaction and the customer's usual one differ in it, so a code need not be true where they do not.
 */
import type { Code } from './texts.ts'

export type ValueOf = (feature: string) => number
type Tell = (at: ValueOf, usual: ValueOf) => Code | undefined
type Group = { features: readonly string[]; code: Code | Tell }

/** With fewer earlier transactions nothing is called new or unusual for a customer. */
const few = 3
const orNoHistory =
  (code: Code): Tell =>
  (at) =>
    at('history') < few ? 'no_history' : code

const amount: Tell = (at) => {
  const ratio = at('amount_ratio')
  return ratio >= 1.5 ? 'amount_above_habit' : ratio <= 0.67 ? 'amount_below_habit' : 'amount_unusual'
}

/** The windows of a day and less; with one payment in it, a window says the amount once more. */
const spending =
  (count: string): Tell =>
  (at, usual) => {
    if (at(count) === 1 && at('credit') === 0) return amount(at, usual)
    return at('day_over_habit') >= 2 ? 'much_in_a_day' : 'spending_unusual'
  }

const pace =
  (count: string, code: Code): Tell =>
  (at, usual) =>
    at(count) >= 2 && at(count) > usual(count) ? code : 'fewer_payments'

const since =
  (gap: string, long: Code): Tell =>
  (at) =>
    at('history') < few ? 'no_history' : at(gap) > at('gap_mean') ? long : 'soon_after'

/** A flag that is set where the customer's share of such transactions is small, or set, or not set. */
const flag =
  (name: string, share: string, unusual: Code, plain: Code): Tell =>
  (at) =>
    at(name) === 0 ? undefined : at('history') >= 10 && at(share) < 0.1 ? unusual : plain

const windowed = (span: string) => [`sum_${span}`, `mean_${span}`, `max_${span}`]

const groups: readonly Group[] = [
  { features: ['amount', 'amount_ratio', 'amount_over_median', 'amount_over_max', 'amount_deviation'], code: amount },
  { features: ['round_amount'], code: 'round_amount' },
  { features: ['under_round_amount'], code: 'under_round_amount' },
  { features: windowed('1h'), code: spending('count_1h') },
  { features: [...windowed('24h'), 'day_over_habit', 'instrument_sum_24h'], code: spending('count_24h') },
  {
    features: [...windowed('7d'), ...windowed('30d')],
    code: (at, usual) => (at('amount') >= at('max_30d') ? amount(at, usual) : 'spending_unusual'),
  },
  { features: ['large_14d'], code: 'large_payments' },
  { features: ['count_1h', 'instrument_count_1h'], code: pace('count_1h', 'many_in_an_hour') },
  { features: ['count_24h', 'instrument_count_24h'], code: pace('count_24h', 'many_in_a_day') },
  { features: ['count_7d', 'count_30d'], code: pace('count_7d', 'many_in_a_week') },
  { features: ['same_amount_24h'], code: 'same_amount' },
  { features: ['same_counterparty_24h'], code: 'same_counterparty' },
  { features: ['new_counterparty', 'same_counterparty_30d'], code: orNoHistory('new_counterparty') },
  { features: ['counterparties_24h'], code: (at) => (at('counterparties_24h') >= 2 ? 'many_counterparties' : undefined) },
  { features: ['gap', 'gap_mean', 'gap_variation'], code: since('gap', 'long_after') },
  {
    features: ['instrument_gap'],
    code: (at, usual) =>
      (at('new_instrument') === 1 ? orNoHistory('new_instrument') : since('instrument_gap', 'instrument_unused'))(at, usual),
  },
  { features: ['new_instrument'], code: orNoHistory('new_instrument') },
  { features: ['instruments_24h'], code: 'many_instruments' },
  { features: ['new_category'], code: orNoHistory('new_category') },
  { features: ['new_country'], code: orNoHistory('new_country') },
  { features: ['new_channel'], code: orNoHistory('new_channel') },
  { features: ['new_device', 'devices_30d'], code: orNoHistory('new_device') },
  { features: ['history', 'history_bounded'], code: 'no_history' },
  { features: ['account_age', 'account_age_unknown'], code: 'new_account' },

  { features: ['card_not_present', 'remote_share'], code: flag('card_not_present', 'remote_share', 'unusual_remote', 'remote') },
  { features: ['device_unknown', 'ip_unknown'], code: 'no_device' },
  { features: ['place_unknown', 'home_distance_unknown'], code: 'no_place' },
  { features: ['home_distance'], code: 'far_from_home' },
  { features: ['speed'], code: (at) => (at('speed') >= 200 ? 'speed_impossible' : 'another_place') },
  { features: ['night', 'night_share'], code: flag('night', 'night_share', 'unusual_night', 'night') },
  { features: ['weekend', 'weekend_share'], code: flag('weekend', 'weekend_share', 'unusual_weekend', 'weekend') },

  { features: ['transfer'], code: 'transfer' },
  {
    features: ['credit', 'credits_24h', 'credit_sum_24h'],
    code: (at) =>
      at('credit') === 0 && at('transfer') === 1 && at('sum_24h') > 0.7 * at('credit_sum_24h') ? 'money_passes_through' : 'money_in',
  },
  { features: ['cash_24h'], code: 'cash' },
  { features: ['refunds_30d'], code: 'refunds' },
  { features: ['declined_24h'], code: 'declined_before' },
  { features: ['declined_outcomes_24h'], code: 'declined_by_bank' },
  { features: ['declined_outcomes_30d'], code: (at) => (at('declined_outcomes_24h') > 0 ? 'declined_by_bank' : 'declined_by_bank_30d') },

  ...shared('counterparty', 'counterparty_busy', 'counterparty_busy', 'counterparty_young', 'counterparty_frauds'),
  ...shared('device', 'device_busy', 'device_many_cards', 'device_young', 'device_frauds'),
  ...shared('ip', 'address_busy', 'address_many_cards', 'address_young', 'address_frauds'),
]

function shared(entity: string, busy: Code, cards: Code, young: Code, frauds: Code): Group[] {
  const own = (names: readonly string[]) => names.map((name) => `${entity}_${name}`)
  return [
    {
      features: own(['count_1h', 'count_24h', 'count_30d']),
      code: (at) => (at(`${entity}_count_24h`) >= 1.5 ? busy : undefined),
    },
    { features: own(['cards_24h', 'cards_30d']), code: (at) => (at(`${entity}_cards_30d`) >= 1.5 ? cards : undefined) },
    {
      features: own(['age']),
      code: (at, usual) => (entity === 'device' && at('new_device') === 1 ? orNoHistory('new_device')(at, usual) : young),
    },
    {
      features: own(['fraud_share', 'frauds_30d', 'since_first_fraud', 'since_last_fraud', 'genuine_since']),
      code: (at) => (at(`${entity}_frauds_30d`) >= 1 ? frauds : undefined),
    },
  ]
}

/** Features of a group that are not registered have no effect. */
const groupOf = new Map(groups.flatMap((group) => group.features.map((feature) => [feature, group] as const)))

/** Whether a feature belongs to a group; every registered one must. */
export const isGrouped = (feature: string): boolean => groupOf.has(feature)

/** The code under which a feature is told of a transaction. */
export function codeOf(feature: string, at: ValueOf, usual: ValueOf): Code | undefined {
  const code = groupOf.get(feature)?.code
  return typeof code === 'function' ? code(at, usual) : code
}
