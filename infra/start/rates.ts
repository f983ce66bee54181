/** Rates for the demonstration's bank: round numbers near those of 2025, the same each day. A bank imports its own. */
import type { Rate } from '../commands/rates.ts'

/** Euros for one unit of a currency. */
const euros: Record<string, string> = {
  USD: '0.92',
  GBP: '1.17',
  CHF: '1.05',
  SEK: '0.088',
  DKK: '0.134',
  NOK: '0.086',
  PLN: '0.234',
  CZK: '0.04',
  HUF: '0.0025',
  JPY: '0.0061',
}

/** A rate for each currency from two years ago on, the first of every month. */
export function ratesOf(now: Date): Rate[] {
  const rates: Rate[] = []
  for (let month = -24; month <= 0; month++) {
    const date = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + month, 1)).toISOString().slice(0, 10)
    for (const [currency, rate] of Object.entries(euros)) rates.push({ base: 'EUR', currency, date, rate })
  }
  return rates
}
