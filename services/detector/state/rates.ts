/** Currency rates by date, in memory: amounts are compared in the tenant's base currency. */
import { exponentOf } from '../../shared/currencies.ts'
import type { Database } from '../../shared/tidb/database.ts'

export type Rates = {
  /** Minor units of `to`, and the day of the rate as yyyymmdd; undefined when no rate on or before that day is known. */
  convert(amount: number, from: string, to: string, time: number): { amount: number; date: number | null } | undefined
  refresh(): Promise<void>
}

type Row = { base: string; currency: string; date: number; rate: string }

/** 20260131 of an instant, in UTC. */
export function dateNumber(time: number): number {
  const d = new Date(time)
  return d.getUTCFullYear() * 10_000 + (d.getUTCMonth() + 1) * 100 + d.getUTCDate()
}

export function createRates(database: Database): Rates {
  let byPair = new Map<string, { date: number; rate: number }[]>()
  return {
    async refresh() {
      const rows = await database.query<Row>('SELECT base, currency, date, rate FROM currency_rates ORDER BY base, currency, date')
      const next = new Map<string, { date: number; rate: number }[]>()
      for (const { base, currency, date, rate } of rows) {
        const pair = `${base}${currency}`
        const list = next.get(pair)
        if (list) list.push({ date, rate: Number(rate) })
        else next.set(pair, [{ date, rate: Number(rate) }])
      }
      byPair = next
    },
    convert(amount, from, to, time) {
      if (from === to) return { amount, date: null }
      const list = byPair.get(`${to}${from}`)
      if (!list) return undefined
      const date = dateNumber(time)
      let low = 0
      let high = list.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if (list[middle].date <= date) low = middle + 1
        else high = middle
      }
      if (low === 0) return undefined
      const found = list[low - 1]
      return { amount: Math.round(amount * found.rate * 10 ** (exponentOf(to) - exponentOf(from))), date: found.date }
    },
  }
}
