/** Where and at whom people pay: cities with their countries, currencies and zones; merchants with categories and prices. */
import type { Transaction } from '../../services/shared/events.ts'
import type { Random } from './random.ts'

export type City = { name: string; country: string; currency: string; zone: string; lat: number; lon: number; weight: number }

const city = (name: string, country: string, currency: string, zone: string, lat: number, lon: number, weight: number): City => ({
  name,
  country,
  currency,
  zone,
  lat,
  lon,
  weight,
})

/** The bank's customers live in the first twelve; the others are where they travel and shop. */
export const cities: readonly City[] = [
  city('Berlin', 'DE', 'EUR', 'Europe/Berlin', 52.52, 13.405, 12),
  city('Hamburg', 'DE', 'EUR', 'Europe/Berlin', 53.551, 9.994, 7),
  city('Munich', 'DE', 'EUR', 'Europe/Berlin', 48.137, 11.575, 7),
  city('Cologne', 'DE', 'EUR', 'Europe/Berlin', 50.938, 6.96, 5),
  city('Vienna', 'AT', 'EUR', 'Europe/Vienna', 48.208, 16.372, 5),
  city('Amsterdam', 'NL', 'EUR', 'Europe/Amsterdam', 52.373, 4.893, 4),
  city('Paris', 'FR', 'EUR', 'Europe/Paris', 48.857, 2.352, 6),
  city('Lyon', 'FR', 'EUR', 'Europe/Paris', 45.764, 4.836, 3),
  city('Madrid', 'ES', 'EUR', 'Europe/Madrid', 40.417, -3.704, 4),
  city('Milan', 'IT', 'EUR', 'Europe/Rome', 45.464, 9.19, 4),
  city('London', 'GB', 'GBP', 'Europe/London', 51.507, -0.128, 3),
  city('Zurich', 'CH', 'CHF', 'Europe/Zurich', 47.377, 8.541, 2),
  city('Warsaw', 'PL', 'PLN', 'Europe/Warsaw', 52.23, 21.012, 2),
  city('Stockholm', 'SE', 'SEK', 'Europe/Stockholm', 59.329, 18.069, 2),
  city('New York', 'US', 'USD', 'America/New_York', 40.713, -74.006, 2),
  city('Miami', 'US', 'USD', 'America/New_York', 25.762, -80.192, 1),
  city('Prague', 'CZ', 'CZK', 'Europe/Prague', 50.075, 14.438, 1),
  city('Lisbon', 'PT', 'EUR', 'Europe/Lisbon', 38.722, -9.139, 1),
]
export const homeCities = 12

/** Mobile carriers in each country. */
export const carriers = 3

/** Euros for one unit, near the rates of 2025. */
export const euros: Readonly<Record<string, number>> = { EUR: 1, GBP: 1.17, CHF: 1.05, PLN: 0.234, SEK: 0.088, USD: 0.92, CZK: 0.04 }

type Category = {
  code: string
  name: string
  channel: Transaction['channel'] & string
  median: number
  sigma: number
  weight: number
  opens: number
  closes: number
}

const category = (
  code: string,
  name: string,
  channel: Transaction['channel'] & string,
  median: number,
  sigma: number,
  weight: number,
  opens: number,
  closes: number,
): Category => ({ code, name, channel, median, sigma, weight, opens, closes })

/** Merchant category codes (ISO 18245) with the median amount in euros, how it spreads, and the hours of the day. */
export const categories: readonly Category[] = [
  category('5411', 'Market', 'pos', 24, 0.8, 26, 7, 22),
  category('5812', 'Restaurant', 'pos', 31, 0.7, 13, 11, 24),
  category('5814', 'Coffee', 'pos', 7, 0.5, 12, 6, 20),
  category('5541', 'Fuel', 'pos', 52, 0.4, 8, 5, 23),
  category('5912', 'Pharmacy', 'pos', 15, 0.7, 5, 8, 20),
  category('5651', 'Clothing', 'pos', 58, 0.8, 4, 9, 21),
  category('5732', 'Electronics', 'pos', 120, 1.1, 2, 9, 20),
  category('4111', 'Transit', 'pos', 4, 0.6, 9, 5, 24),
  category('6011', 'Cash', 'atm', 90, 0.6, 5, 0, 24),
  category('5999', 'Online Store', 'ecommerce', 34, 1, 9, 0, 24),
  category('5968', 'Subscription', 'ecommerce', 12, 0.4, 4, 0, 24),
  category('4722', 'Travel', 'ecommerce', 230, 0.9, 1.5, 0, 24),
  category('5816', 'Games', 'ecommerce', 14, 0.9, 2, 0, 24),
  category('5944', 'Jewellery', 'pos', 210, 1, 0.6, 10, 19),
  category('7995', 'Betting', 'ecommerce', 28, 1, 1, 0, 24),
]

export const kindsOf = (codes: readonly string[]): number[] => categories.flatMap((c, i) => (codes.includes(c.code) ? [i] : []))

/** Goods that are easily sold again; shops that have them sell on the Net, too. */
export const resold: readonly number[] = kindsOf(['5732', '5944', '5651'])

export type Merchant = { id: string; name: string; category: number; city: number; lat: number; lon: number; price: number }

const scatter = (random: Random, degrees: number) => random.normal() * degrees

/** Merchants in all cities, in all categories; a few are met often and most seldom. */
export function createMerchants(random: Random, count: number): { merchants: Merchant[]; near: number[][][] } {
  const byWeight = (weights: readonly number[]) => {
    let sum = 0
    return weights.map((w) => (sum += w))
  }
  const cityWeights = byWeight(cities.map((c) => c.weight))
  const categoryWeights = byWeight(categories.map((c) => c.weight))
  const near = cities.map(() => categories.map(() => [] as number[]))
  const merchants: Merchant[] = []
  for (let i = 0; i < count; i++) {
    // Every city has every category, so that nobody looks for a shop in vain.
    const every = i < cities.length * categories.length
    const at = every ? i % cities.length : random.weighted(cityWeights)
    const kind = every ? Math.floor(i / cities.length) : random.weighted(categoryWeights)
    near[at][kind].push(i)
    const { name, lat, lon } = cities[at]
    merchants.push({
      id: `m${(i * 7919 + 104_729).toString(36)}`,
      name: `${categories[kind].name} ${name} ${i % 97}`,
      category: kind,
      city: at,
      lat: Math.round((lat + scatter(random, 0.05)) * 1e4) / 1e4,
      lon: Math.round((lon + scatter(random, 0.07)) * 1e4) / 1e4,
      price: random.logNormal(1, 0.25),
    })
  }
  return { merchants, near }
}
