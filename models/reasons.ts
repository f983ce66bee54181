/** Why a transaction stands out against the customer's own habit, and what is known of where it came from and goes to, in words that a customer could be told. Pure. */
import type { Reason } from '../services/shared/events.ts'
import { indexOf } from './fold/features.ts'

const most = 5

type Rule = {
  code: string
  feature: string
  /** How much it stands out; 0 and less is not said. */
  weight: (value: number, vector: Float32Array) => number
  text: (value: number, vector: Float32Array) => string
}

const at = (vector: Float32Array, feature: string): number => vector[indexOf(feature)]
const times = (x: number) => (x >= 10 ? Math.round(x).toString() : x.toFixed(1))
const flag = (weight: number) => (value: number) => (value === 1 ? weight : 0)

/** Whether there is enough of a history for a habit. */
const has = (vector: Float32Array, payments: number) => at(vector, 'count_30d') > payments

const rules: readonly Rule[] = [
  {
    code: 'amount_above_habit',
    feature: 'amount_ratio',
    weight: (x, v) => (has(v, 3) && x > 2 ? Math.log2(x) : 0),
    text: (x) => `The amount is ${times(x)} times what is usual for this customer`,
  },
  {
    code: 'speed_impossible',
    feature: 'speed',
    weight: (x) => (x > 500 ? 3 : x > 200 ? 1.5 : 0),
    text: (x) => `Two places too far apart for the time between: ${Math.round(x)} km/h`,
  },
  {
    code: 'new_device',
    feature: 'new_device',
    weight: (x, v) => (x === 1 && has(v, 3) ? 2.5 : 0),
    text: () => 'A device that this customer has not used before',
  },
  {
    code: 'far_from_home',
    feature: 'home_distance',
    weight: (x) => (x > 300 ? 2 : x > 100 ? 1 : 0),
    text: (x) => `${Math.round(x)} km from the customer's home`,
  },
  {
    code: 'many_in_an_hour',
    feature: 'count_1h',
    weight: (x) => (x >= 3 ? Math.log2(x) + 0.5 : 0),
    text: (x) => `${Math.round(x)} payments within an hour`,
  },
  {
    code: 'much_in_a_day',
    feature: 'sum_24h',
    weight: (x, v) => {
      const usual = at(v, 'sum_30d') / 30
      return has(v, 10) && x > 6 * usual ? Math.log2(x / usual) / 2 : 0
    },
    text: (x, v) => `Spending of a day is ${times(x / Math.max(1, at(v, 'sum_30d') / 30))} times the daily mean`,
  },
  {
    code: 'new_country',
    feature: 'new_country',
    weight: (x, v) => (x === 1 && has(v, 3) ? 1.8 : 0),
    text: () => 'A country that this customer has not paid in before',
  },
  {
    code: 'many_counterparties',
    feature: 'counterparties_24h',
    weight: (x) => (x >= 6 ? Math.log2(x) - 1 : 0),
    text: (x) => `${Math.round(x)} different merchants or payees within a day`,
  },
  {
    code: 'declined_before',
    feature: 'declined_24h',
    weight: (x) => (x >= 2 ? 1 + x / 4 : 0),
    text: (x) => `${Math.round(x)} transactions declined within a day`,
  },
  {
    code: 'declined_by_bank',
    feature: 'declined_outcomes_24h',
    weight: (x) => (x >= 1 ? 1.2 : 0),
    text: (x) => `The bank declined ${Math.round(x)} of this customer's transactions within a day`,
  },
  {
    code: 'refunds',
    feature: 'refunds_30d',
    weight: (x) => (x >= 3 ? 1 + x / 4 : 0),
    text: (x) => `${Math.round(x)} refunds within 30 days`,
  },
  {
    code: 'counterparty_frauds',
    feature: 'counterparty_frauds_30d',
    weight: (x, v) => (x >= 2 && at(v, 'counterparty_fraud_share') > 0.03 ? 1 + Math.log2(x) / 2 : 0),
    text: (x) => `${Math.round(x)} frauds at this merchant or payee became known within 30 days`,
  },
  {
    code: 'device_frauds',
    feature: 'device_frauds_30d',
    weight: (x) => (x >= 1 ? 2.5 : 0),
    text: (x) =>
      x === 1 ? 'A fraud with this device became known' : `${Math.round(x)} frauds with this device became known within 30 days`,
  },
  {
    code: 'device_many_cards',
    feature: 'device_cards_30d',
    weight: (x) => (x >= 4 ? Math.log2(x) - 0.5 : 0),
    text: (x) => `The device was used with about ${Math.round(x)} different cards or accounts within 30 days`,
  },
  {
    code: 'address_many_cards',
    feature: 'ip_cards_24h',
    weight: (x) => (x >= 6 ? Math.log2(x) - 1.5 : 0),
    text: (x) => `About ${Math.round(x)} different cards or accounts from this address within a day`,
  },
  {
    code: 'same_amount',
    feature: 'same_amount_24h',
    weight: (x) => (x >= 2 ? Math.log2(x + 1) : 0),
    text: (x) => `The same amount ${Math.round(x) + 1} times within a day`,
  },
  {
    code: 'money_passes_through',
    feature: 'credit_sum_24h',
    weight: (x, v) => (x > 0 && at(v, 'transfer') === 1 && at(v, 'credit') === 0 && at(v, 'sum_24h') > 0.7 * x ? 1.5 : 0),
    text: () => 'Money that came in within the day goes out again',
  },
  {
    code: 'unusual_remote',
    feature: 'card_not_present',
    weight: (x, v) => (x === 1 && at(v, 'history') >= 10 && at(v, 'remote_share') < 0.05 ? 0.9 : 0),
    text: () => 'Without the card present, which is unusual for this customer',
  },
  {
    code: 'unusual_night',
    feature: 'night',
    weight: (x, v) => (x === 1 && has(v, 5) && at(v, 'night_share') < 0.1 ? 1.2 : 0),
    text: () => 'At night, when this customer seldom pays',
  },
  {
    code: 'new_account',
    feature: 'account_age',
    weight: (x, v) => (at(v, 'account_age_unknown') === 0 && x < 30 ? 1 : 0),
    text: (x) => `The account is ${Math.floor(x)} days old`,
  },
  {
    code: 'new_counterparty',
    feature: 'new_counterparty',
    weight: flag(0.6),
    text: () => 'A merchant or payee that this customer has not paid before',
  },
  {
    code: 'new_category',
    feature: 'new_category',
    weight: flag(0.5),
    text: () => 'A kind of merchant that this customer has not paid before',
  },
  {
    code: 'no_history',
    feature: 'count_30d',
    weight: (x) => (x <= 1 ? 0.4 : 0),
    text: () => 'There is hardly any history of this customer',
  },
]

/** At most five reasons, the most telling first. */
export function reasonsOf(vector: Float32Array): Reason[] {
  return rules
    .map((rule) => {
      const value = at(vector, rule.feature)
      return { rule, value, weight: rule.weight(value, vector) }
    })
    .filter((r) => r.weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .slice(0, most)
    .map(({ rule, value }) => ({ code: rule.code, text: rule.text(value, vector) }))
}
