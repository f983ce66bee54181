import type { Measure } from '../../../api.ts'
import { money, span } from '../shared/format.ts'

const decimal = new Intl.NumberFormat('en-GB', { maximumSignificantDigits: 3, useGrouping: true })

const things: Record<string, [one: string, several: string]> = {
  payments: ['payment', 'payments'],
  transactions: ['transaction', 'transactions'],
  counterparties: ['payee', 'payees'],
  instruments: ['card or account', 'cards or accounts'],
  outcomes: ['time', 'times'],
}

/** A flag is met or not; what is usual of it is how often. */
const flag = (value: number) => (value <= 0 ? 'no' : value >= 1 ? 'yes' : `in ${Math.max(1, Math.round(value * 100))} %`)
const minute = 60

/** A feature's value in its unit, as people say it. Money is in minor units of `currency`. */
export function measured(value: number, { unit, most }: Measure, currency: string): string {
  if (unit === '0 or 1') return flag(value)
  if (unit === 'ratio') return `${decimal.format(value)}×`
  if (unit === 'minor units') return money(Math.round(value), currency)
  if (unit === 'share') return `${decimal.format(value * 100)} %`
  if (unit === 'seconds') return value < minute ? `${Math.round(value)} s` : span(value * 1000)
  if (unit === 'days')
    return value < 1 ? 'under a day' : `${span(value * 86_400_000)}${most !== undefined && value >= most ? ' or more' : ''}`
  if (unit in things) {
    const [one, several] = things[unit]
    return `${value > 0 && value < 0.05 ? '<0.1' : decimal.format(Math.round(value * 10) / 10)} ${value === 1 ? one : several}`
  }
  return `${decimal.format(value)} ${unit}`
}
