/** Amounts as banks write them: a decimal string is in major units, an integer in minor units, and a JSON number with a fraction is refused. */
import { exponentOf } from '../shared/currencies.ts'

const largest = 1_000_000_000_000_000

const known = new Set(Intl.supportedValuesOf('currency'))

/** Whether ISO 4217 has or had such a currency. */
export const isCurrency = (text: string): boolean => known.has(text)

/** The amount in minor units, or what is wrong with it in words. Without a known currency the result means nothing. */
export function minorUnits(amount: unknown, currency: unknown): number | string {
  if (typeof amount === 'number') {
    if (!Number.isInteger(amount))
      return 'is a number with a fraction, which cannot hold every amount exactly; send a decimal string ("12.34") or an integer of minor units (1234)'
    if (amount < 0) return 'is negative; the field direction says which way the money goes'
    if (amount > largest) return `is over ${largest} minor units`
    return amount
  }
  if (typeof amount !== 'string') return 'must be a decimal string ("12.34") or an integer of minor units (1234)'
  if (amount.length <= 40 && /^-\d/.test(amount)) return 'is negative; the field direction says which way the money goes'
  const [, major, minor = ''] = /^(\d{1,16})(?:\.(\d{1,10}))?$/.exec(amount) ?? []
  if (major === undefined) return 'must be a decimal string such as "12.34": digits, with a point before the minor units and no other signs'
  // A missing or unknown currency is a fault of its own, which the event's schema or its other checks name.
  if (typeof currency !== 'string' || !isCurrency(currency)) return 0
  const exponent = exponentOf(currency)
  if (minor.length > exponent) return `has ${minor.length} decimal places, but ${currency} has ${exponent}`
  const units = Number(major + minor.padEnd(exponent, '0'))
  return units > largest ? `is over ${largest} minor units` : units
}
