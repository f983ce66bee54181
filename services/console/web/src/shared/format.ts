/** How figures, money and times are written. */
import { exponentOf } from '../../../../shared/currencies.ts'

const locale = 'en-GB'
const whole = new Intl.NumberFormat(locale)
const compact = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 })
const moneyFormats = new Map<string, Intl.NumberFormat>()

/** Minor units as money: 123456 EUR is €1,234.56, 1234 JPY is JP¥1,234. */
export function money(minor: number, currency: string): string {
  const digits = exponentOf(currency)
  let format = moneyFormats.get(currency)
  if (!format) {
    format = new Intl.NumberFormat(locale, { style: 'currency', currency, minimumFractionDigits: digits, maximumFractionDigits: digits })
    moneyFormats.set(currency, format)
  }
  return format.format(minor / 10 ** digits)
}

export const count = (value: number): string => (value < 1_000_000 ? whole.format(value) : compact.format(value))
export const rate = (perSecond: number): string => (perSecond >= 10 ? whole.format(Math.round(perSecond)) : perSecond.toFixed(1))

/** A probability in per cent: never 100 nor 0 for what is only near it. */
export function percent(share: number): string {
  const value = share * 100
  if (value > 0 && value < 0.1) return '<0.1 %'
  if (value < 100 && value > 99.9) return '>99.9 %'
  return `${value < 10 ? value.toFixed(1) : Math.round(Math.min(value, share < 1 ? 99 : 100))} %`
}

const units = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const

/** A span in its largest unit: 42 s, 7 min, 3 h, 12 d. */
export function span(ms: number): string {
  const seconds = Math.floor(Math.abs(ms) / 1000)
  const [size, unit] = units.find(([least]) => seconds >= least) ?? [1, 's']
  return `${Math.floor(seconds / size)} ${unit}`
}

export const ago = (at: number, now: number): string => (now - at < 1000 ? 'now' : `${span(now - at)} ago`)

const fullTime = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' })
const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const dayAndMonth = new Intl.DateTimeFormat(locale, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' })

export const full = (at: number): string => fullTime.format(at)
export const time = (at: number): string => clock.format(at)
export const day = (at: number): string => dayAndMonth.format(at)

/** The last characters of a long token are what tells two apart. */
export const short = (token: string): string => (token.length > 18 ? `${token.slice(0, 6)}…${token.slice(-8)}` : token)
