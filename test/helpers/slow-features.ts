/** The features once more, slow and obvious, straight from what the registry says: the yardstick for the fold that serves. */
import { hashOf, latOf, lonOf, packPlace } from '../../models/entry.ts'
import { featureNames } from '../../models/features.ts'
import { type CustomerFacts, distance } from '../../models/profile.ts'
import type { Transaction } from '../../services/shared/events.ts'

type Item = { transaction: Transaction; time: number }

const hour = 3_600_000
const day = 24 * hour
const isPayment = ({ kind, direction, originalId }: Transaction) =>
  direction === 'debit' && (kind === 'authorization' || kind === 'transfer' || (kind === 'capture' && originalId === undefined))
const isRefund = ({ kind }: Transaction) => kind === 'refund' || kind === 'reversal'
const amountOf = ({ transaction }: Item) => Math.fround(transaction.amount)
const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0)
const placeOf = ({ place }: Transaction) => (place ? packPlace(place.lat, place.lon) : undefined)
const between = (a: number, b: number) => distance(latOf(a), lonOf(a), latOf(b), lonOf(b))

function isNight(time: number, zone: string | null): boolean {
  try {
    return Number(new Intl.DateTimeFormat('en-US', { timeZone: zone ?? 'UTC', hour: 'numeric', hourCycle: 'h23' }).format(time)) < 6
  } catch {
    return new Date(time).getUTCHours() < 6
  }
}

/** Features of `item` from all that had arrived, as float32 in the registry's order. */
export function slowFeatures(item: Item, arrived: readonly Item[], customer: CustomerFacts, declines: readonly number[]): Float32Array {
  const { transaction: t, time } = item
  // Newest first, since the order in which squares are added decides the last bits.
  const earlier = arrived
    .filter((e) => e.time > time - 30 * day)
    .filter((e) => e.time < time || (e.time === time && hashOf(e.transaction.id) < hashOf(t.id)))
    .sort((a, b) => b.time - a.time || hashOf(b.transaction.id) - hashOf(a.transaction.id))
  const payments = earlier.filter((e) => isPayment(e.transaction))
  const within = (items: Item[], span: number) => items.filter((e) => e.time > time - span)
  const withThis = isPayment(t) ? [item, ...payments] : payments
  const amounts = payments.map(amountOf)
  const mean = amounts.length === 0 ? 0 : sum(amounts) / amounts.length
  const deviation = amounts.length < 2 ? 0 : Math.sqrt(Math.max(0, sum(amounts.map((a) => a * a)) / amounts.length - mean * mean))
  const isNew = (key: 'counterparty' | 'category' | 'device' | 'country' | 'channel') =>
    t[key] !== undefined && !earlier.some((e) => e.transaction[key] === t[key]) ? 1 : 0
  const place = placeOf(t)
  const last = earlier.find((e) => e.transaction.place)
  const lastPlace = last && placeOf(last.transaction)
  const home = place !== undefined && customer.lat !== null && customer.lon !== null
  const hours = last ? Math.max((time - last.time) / hour, 1 / 12) : 1
  const values: Record<string, number> = {
    amount: amountOf(item),
    amount_ratio: amounts.length === 0 ? 1 : amountOf(item) / Math.max(mean, 1),
    amount_deviation: amounts.length < 2 ? 0 : Math.max(-20, Math.min(20, (amountOf(item) - mean) / Math.max(deviation, mean * 0.05, 1))),
    gap: (earlier.length === 0 ? 30 * day : time - earlier[0].time) / 1000,
    new_counterparty: isNew('counterparty'),
    new_category: isNew('category'),
    new_device: isNew('device'),
    new_country: isNew('country'),
    new_channel: isNew('channel'),
    device_unknown: t.device === undefined ? 1 : 0,
    counterparties_24h: new Set(within([item, ...earlier], day).flatMap((e) => e.transaction.counterparty ?? [])).size,
    home_distance: home ? distance(customer.lat as number, customer.lon as number, latOf(place), lonOf(place)) : 0,
    home_distance_unknown: home ? 0 : 1,
    speed: place === undefined || lastPlace === undefined || place === lastPlace ? 0 : Math.min(20_000, between(lastPlace, place) / hours),
    night: isNight(time, customer.zone) ? 1 : 0,
    night_share: earlier.length === 0 ? 0 : earlier.filter((e) => isNight(e.time, customer.zone)).length / earlier.length,
    declined_24h: within([item, ...earlier], day).filter((e) => e.transaction.response === 'declined').length,
    declined_outcomes_24h: declines.filter((d) => d > time - day && d <= time).length,
    refunds_30d: [item, ...earlier].filter((e) => isRefund(e.transaction)).length,
    card_not_present: t.channel === 'ecommerce' || t.entryMode === 'manual' ? 1 : 0,
    transfer: t.kind === 'transfer' ? 1 : 0,
    credit: t.direction === 'credit' ? 1 : 0,
    account_age: customer.opened === null ? 0 : Math.max(0, Math.min(3650, (time - customer.opened) / day)),
    account_age_unknown: customer.opened === null ? 1 : 0,
  }
  for (const [name, span] of Object.entries({ '1h': hour, '24h': day, '7d': 7 * day, '30d': 30 * day })) {
    values[`count_${name}`] = within(withThis, span).length
    values[`sum_${name}`] = sum(within(withThis, span).map(amountOf))
  }
  return Float32Array.from(featureNames, (name) => values[name])
}
