/** What a customer's day looks like: when the next payment comes, and what it is. */
import type { Transaction } from '../../services/shared/events.ts'
import type { Customer } from './people.ts'
import type { Random } from './random.ts'
import { categories, cities, euros, homeCities, type Merchant, resold } from './world.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** Relative activity by hour of the day; mean 1. */
const rhythm = [0.15, 0.08, 0.05, 0.05, 0.08, 0.25, 0.7, 1.3, 1.5, 1.3, 1.3, 1.5, 1.8, 1.6, 1.3, 1.3, 1.5, 1.9, 2, 1.7, 1.3, 0.9, 0.6, 0.34]
const weekly = [0.85, 0.95, 0.95, 1, 1.05, 1.2, 1.1]
const peak = 2 * 1.2 + 0.4

/** Hours east of Greenwich, near enough for habits. */
const eastOf = (lon: number) => Math.round(lon / 15)

const activeAt = (local: number, owl: number): number => {
  const hour = Math.floor(local / hourMs) % 24
  return (rhythm[hour] * (1 - owl) + rhythm[(hour + 12) % 24] * owl) * weekly[(Math.floor(local / dayMs) + 4) % 7]
}

/** Average days' worth of activity that the hour from `time` on holds, in the middle of Europe. */
export const activityOfHour = (time: number): number => activeAt(time + hourMs, 0.07) / 24

/** When the customer pays next after `time`: a Poisson process whose pace follows the day and the week (by thinning), unless it is steady. */
export function nextPayment(random: Random, customer: Customer, time: number, steady: boolean): number {
  if (steady) return Math.ceil(time + (random.exponential() * dayMs) / customer.pace)
  const meanGap = dayMs / (customer.pace * peak)
  let at = time
  for (;;) {
    at += random.exponential() * meanGap
    const active = activeAt(at + eastOf(cities[customer.city].lon) * hourMs, customer.owl)
    if (random.next() * peak < active) return Math.floor(at)
  }
}

/** Prices end as prices do. */
function price(random: Random, amount: number): number {
  const cents = Math.max(50, Math.round(amount * 100))
  if (cents > 1000 && random.chance(0.3)) return Math.round(cents / 100) * 100
  return random.chance(0.3) ? Math.floor(cents / 100) * 100 + 99 : cents
}

export type Purchase = {
  merchant: Merchant
  /** Minor units of the merchant's currency. */
  amount: number
  channel: Transaction['channel'] & string
}

/** An amount in euros as a purchase at a merchant, in the merchant's currency. */
export function purchaseAt(random: Random, merchant: Merchant, inEuros: number): Purchase {
  const { channel } = categories[merchant.category]
  const amount = price(random, inEuros / euros[cities[merchant.city].currency])
  return { merchant, channel, amount: channel === 'atm' ? Math.max(1000, Math.round(amount / 1000) * 1000) : amount }
}

/** The customer's next ordinary purchase: mostly at favourites, near where the customer is, at the customer's prices. */
export function buy(
  random: Random,
  customer: Customer,
  merchants: readonly Merchant[],
  near: readonly number[][][],
  time: number,
): Purchase {
  if (time > customer.awayUntil) customer.away = random.chance(customer.travels) ? random.int(cities.length) : -1
  if (customer.away >= 0 && customer.awayUntil < time) customer.awayUntil = time + random.between(1, 9) * dayMs
  const kind = random.weighted(customer.taste)
  const here = customer.away >= 0 ? customer.away : customer.city
  const where = categories[kind].channel === 'ecommerce' ? random.int(random.chance(0.15) ? cities.length : homeCities) : here
  const known = customer.away < 0 || categories[kind].channel === 'ecommerce'
  const merchant = merchants[known && random.chance(0.72) ? customer.favourites[kind] : random.pick(near[where][kind])]
  const { median, sigma } = categories[merchant.category]
  // Now and then somebody buys something large, as honest people do.
  const splurge = random.chance(0.012) ? random.between(4, 15) : 1
  const bought = purchaseAt(random, merchant, median * merchant.price * customer.means * Math.exp(sigma * random.normal()) * splurge)
  return resold.includes(kind) && random.chance(0.3) ? { ...bought, channel: 'ecommerce' } : bought
}
