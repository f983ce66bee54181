/** The reasons in words that a customer could be told, each with the feature whose value it names. */
type Say = (value: number) => string
type Words = { feature: string; say: string | Say }

const whole = (x: number) => Math.max(1, Math.round(x)).toString()
const times = (x: number) => (x >= 10 ? Math.round(x).toString() : x.toFixed(1))
/** One of something has words of its own. */
const counted =
  (one: string, several: string): Say =>
  (x) =>
    Math.round(x) <= 1 ? one : several.replace('N', whole(x))

const spans = [
  { unit: 'day', seconds: 86_400 },
  { unit: 'hour', seconds: 3600 },
  { unit: 'minute', seconds: 60 },
  { unit: 'second', seconds: 1 },
]
function duration(seconds: number): string {
  const { unit, seconds: length } = spans.find((s) => seconds >= s.seconds) ?? spans[spans.length - 1]
  const n = Math.floor(seconds / length)
  return `${n} ${unit}${n === 1 ? '' : 's'}`
}
const days = (x: number) => (x < 1 ? 'today' : x < 2 ? 'yesterday' : `${Math.floor(x)} days ago`)

const words = {
  amount_above_habit: { feature: 'amount_ratio', say: (x: number) => `The amount is ${times(x)} times what is usual for this customer` },
  amount_below_habit: {
    feature: 'amount_ratio',
    say: (x: number) => `The amount is ${Math.max(1, Math.round(100 * x))} % of what is usual for this customer`,
  },
  amount_unusual: { feature: 'amount_ratio', say: 'The amount differs from what is usual for this customer' },
  round_amount: { feature: 'round_amount', say: 'A round amount' },
  under_round_amount: { feature: 'under_round_amount', say: 'An amount just under a round one' },
  much_in_a_day: { feature: 'day_over_habit', say: (x: number) => `Spending of a day is ${times(x)} times the daily mean` },
  spending_unusual: { feature: 'day_over_habit', say: 'The last payments differ from what is usual for this customer' },
  large_payments: {
    feature: 'large_14d',
    say: counted(
      'A payment of the last 14 days was far above what is usual',
      'N payments of the last 14 days were far above what is usual',
    ),
  },
  many_in_an_hour: { feature: 'count_1h', say: counted('A payment within an hour', 'N payments within an hour') },
  many_in_a_day: { feature: 'count_24h', say: counted('A payment within a day', 'N payments within a day') },
  many_in_a_week: { feature: 'count_7d', say: counted('A payment within a week', 'N payments within a week') },
  fewer_payments: { feature: 'count_7d', say: 'Fewer payments of late than is usual for this customer' },
  same_amount: { feature: 'same_amount_24h', say: (x: number) => `The same amount ${Math.round(x) + 1} times within a day` },
  same_counterparty: {
    feature: 'same_counterparty_24h',
    say: (x: number) => `${Math.round(x) + 1} payments to the same merchant or payee within a day`,
  },
  new_counterparty: { feature: 'new_counterparty', say: 'A merchant or payee that this customer has not paid before' },
  many_counterparties: {
    feature: 'counterparties_24h',
    say: counted('A merchant or payee within a day', 'N different merchants or payees within a day'),
  },
  soon_after: {
    feature: 'gap',
    say: (x: number) => (x < 1 ? 'At the same time as another transaction' : `Only ${duration(x)} after the transaction before`),
  },
  long_after: { feature: 'gap', say: (x: number) => `The first transaction for ${duration(x)}` },
  instrument_unused: { feature: 'instrument_gap', say: (x: number) => `The card or account was not used for ${duration(x)}` },
  new_instrument: { feature: 'new_instrument', say: 'A card or account that this customer has not used of late' },
  many_instruments: {
    feature: 'instruments_24h',
    say: counted('A card or account within a day', 'N different cards or accounts within a day'),
  },
  new_category: { feature: 'new_category', say: 'A kind of merchant that this customer has not paid before' },
  new_country: { feature: 'new_country', say: 'A country that this customer has not paid in before' },
  new_channel: { feature: 'new_channel', say: 'A way of paying that this customer has not used before' },
  new_device: { feature: 'new_device', say: 'A device that this customer has not used before' },
  no_history: { feature: 'history', say: 'There is hardly any history of this customer' },
  new_account: {
    feature: 'account_age',
    say: (x: number) => (x < 1 ? 'The account was opened within a day' : `The account is ${duration(x * 86_400)} old`),
  },
  unusual_remote: { feature: 'card_not_present', say: 'Without the card present, which is unusual for this customer' },
  remote: { feature: 'card_not_present', say: 'Without the card present' },
  no_device: { feature: 'device_unknown', say: 'It is not known with which device, or from which address, it was made' },
  no_place: { feature: 'place_unknown', say: 'It is not known where it was made' },
  far_from_home: {
    feature: 'home_distance',
    say: (x: number) => (x < 1 ? 'Near the customer’s home' : `${Math.round(x)} km from the customer’s home`),
  },
  speed_impossible: { feature: 'speed', say: (x: number) => `Two places too far apart for the time between: ${Math.round(x)} km/h` },
  another_place: { feature: 'speed', say: 'In another place than the transaction before' },
  unusual_night: { feature: 'night', say: 'At night, when this customer seldom pays' },
  night: { feature: 'night', say: 'At night' },
  unusual_weekend: { feature: 'weekend', say: 'At a weekend, when this customer seldom pays' },
  weekend: { feature: 'weekend', say: 'At a weekend' },
  transfer: { feature: 'transfer', say: 'A transfer between accounts' },
  money_passes_through: { feature: 'credit_sum_24h', say: 'Money that came in within the day goes out again' },
  money_in: { feature: 'credit_sum_24h', say: 'Money came in within the day' },
  cash: { feature: 'cash_24h', say: counted('Cash was drawn within the day', 'N transactions at cash machines within a day') },
  refunds: { feature: 'refunds_30d', say: counted('A refund within 30 days', 'N refunds within 30 days') },
  declined_before: { feature: 'declined_24h', say: counted('A transaction declined within a day', 'N transactions declined within a day') },
  declined_by_bank: {
    feature: 'declined_outcomes_24h',
    say: counted(
      'The bank declined one of this customer’s transactions within a day',
      'The bank declined N of this customer’s transactions within a day',
    ),
  },
  declined_by_bank_30d: {
    feature: 'declined_outcomes_30d',
    say: counted(
      'The bank declined one of this customer’s transactions within 30 days',
      'The bank declined N of this customer’s transactions within 30 days',
    ),
  },
  counterparty_busy: {
    feature: 'counterparty_count_24h',
    say: counted(
      'More payments than usual to this merchant or payee',
      'More payments than usual to this merchant or payee: about N within a day',
    ),
  },
  counterparty_young: { feature: 'counterparty_age', say: (x: number) => `This merchant or payee was first seen ${days(x)}` },
  counterparty_frauds: {
    feature: 'counterparty_frauds_30d',
    say: counted('A fraud at this merchant or payee became known', 'N frauds at this merchant or payee became known within 30 days'),
  },
  device_busy: {
    feature: 'device_count_24h',
    say: counted('Another transaction with this device within a day', 'About N transactions with this device within a day'),
  },
  device_many_cards: {
    feature: 'device_cards_30d',
    say: counted('The device was used with another card', 'The device was used with about N different cards or accounts within 30 days'),
  },
  device_young: { feature: 'device_age', say: (x: number) => `The device was first seen ${days(x)}` },
  device_frauds: {
    feature: 'device_frauds_30d',
    say: counted('A fraud with this device became known', 'N frauds with this device became known within 30 days'),
  },
  address_busy: {
    feature: 'ip_count_24h',
    say: counted('Another transaction from this address within a day', 'About N transactions from this internet address within a day'),
  },
  address_many_cards: {
    feature: 'ip_cards_30d',
    say: counted('Another card from this address', 'About N different cards or accounts from this internet address within 30 days'),
  },
  address_young: { feature: 'ip_age', say: (x: number) => `This internet address was first seen ${days(x)}` },
  address_frauds: {
    feature: 'ip_frauds_30d',
    say: counted('A fraud from this internet address became known', 'N frauds from this internet address became known within 30 days'),
  },
} satisfies Record<string, Words>

export type Code = keyof typeof words

/** The text of a reason, with the feature that it speaks of. */
export function textOf(code: Code, numberOf: (feature: string) => number): { feature: string; text: string } {
  const { feature, say }: Words = words[code]
  return { feature, text: typeof say === 'string' ? say : say(numberOf(feature)) }
}

/** The feature whose value a reason of this code carries. Codes of rules have none. */
export const featureOf = (code: string): string | undefined => (words as Record<string, Words>)[code]?.feature
