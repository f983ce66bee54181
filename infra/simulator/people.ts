/** Who pays: customers with a home, cards, devices and habits. */
import type { Random } from './random.ts'
import { carriers, categories, cities, homeCities } from './world.ts'

export type Customer = {
  id: string
  city: number
  lat: number
  lon: number
  card: string
  last4: string
  account: string
  devices: string[]
  /** The address at home, until the provider gives another one; days that one is kept, on average. */
  ip: string
  ipUntil: number
  lease: number
  carrier: number
  office: number
  /** Part of what is done on the Net through a private network. */
  hidden: number
  /** Transactions a day. */
  pace: number
  /** Factor on prices. */
  means: number
  /** Cumulative weights of categories. */
  taste: Float64Array
  /** Part of the day-time rhythm that is moved into the night. */
  owl: number
  travels: number
  opened: number
  limit: number
  favourites: number[]
  /** City and end of the journey that the customer is on. */
  away: number
  awayUntil: number
}

const dayMs = 86_400_000
const token = (random: Random, prefix: string) => prefix + Math.floor(random.next() * 2 ** 48).toString(36)
export const device = (random: Random): string => token(random, 'd')
/** Homes whose address changes about daily, monthly and hardly ever. */
const leases = [1, 30, 300]
const leaseWeights = [0.25, 0.6, 1]

/** One customer, who opened the account up to ten years before `start`. */
export function createCustomer(random: Random, start: number, near: readonly number[][][]): Customer {
  let sum = 0
  const weights = cities.slice(0, homeCities).map((c) => (sum += c.weight))
  const city = random.weighted(weights)
  const home = cities[city]
  let total = 0
  const online = random.logNormal(1, 0.6)
  const taste = Float64Array.from(
    categories,
    (c) => (total += c.weight * random.logNormal(1, 0.8) * (c.channel === 'ecommerce' ? online : 1)),
  )
  const means = random.logNormal(1, 0.45)
  return {
    id: token(random, 'c'),
    city,
    lat: Math.round((home.lat + random.normal() * 0.08) * 1e4) / 1e4,
    lon: Math.round((home.lon + random.normal() * 0.11) * 1e4) / 1e4,
    card: token(random, 'card-'),
    last4: String(random.int(10_000)).padStart(4, '0'),
    account: token(random, 'acct-'),
    devices: random.chance(0.35) ? [device(random), device(random)] : [device(random)],
    ip: '',
    ipUntil: 0,
    lease: leases[random.weighted(leaseWeights)],
    carrier: random.int(carriers),
    office: random.int(1 << 16),
    hidden: random.chance(0.05) ? 0.6 : 0.002,
    pace: Math.min(8, random.logNormal(0.9, 0.6)),
    means,
    taste,
    owl: random.chance(0.12) ? 0.35 : 0.03,
    travels: random.chance(0.25) ? 0.015 : 0.002,
    opened: start - Math.floor(random.next() ** 2 * 3650 * dayMs) - dayMs,
    limit: Math.round(means * 4000) * 100,
    favourites: categories.map((_, kind) => random.pick(near[city][kind])),
    away: -1,
    awayUntil: 0,
  }
}
