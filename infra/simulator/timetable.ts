/** When a simulated stream begins and ends. */
import type { SimulateOptions } from './simulate.ts'
import { activityOfHour } from './spending.ts'

const hour = 3_600_000
const day = 24 * hour

export type Timetable = {
  /** Milliseconds since 1970. */
  start: number
  end: number
  /** Factor on everyone's pace. */
  haste: number
}
type Wanted = Pick<SimulateOptions, 'transactions' | 'start' | 'days' | 'live'>

/** Begin, end and haste, so that the transactions come out in time with a little to spare; `perDay` is what the habits of all come to. */
export function timetable({ transactions, start: given, days, live }: Wanted, perDay: number): Timetable {
  const needed = (transactions * 1.02 + 4 * Math.sqrt(transactions)) / perDay
  const now = Date.now()
  if (live) {
    const start = given ?? now
    return { start, end: start + (transactions / live.rate) * 1040 + 1000, haste: (live.rate * 86_400) / perDay }
  }
  if (days !== undefined) {
    const start = given ?? now - days * day
    const end = start + days * day
    let activity = 0
    for (let at = start; at < end; at += hour) activity += activityOfHour(at) * Math.min(1, (end - at) / hour)
    return { start, end, haste: needed / activity }
  }
  let [start, end, activity] = [given ?? now, given ?? now, 0]
  while (activity < needed) {
    if (given === undefined) start -= hour
    activity += activityOfHour(given === undefined ? start : end)
    if (given !== undefined) end += hour
  }
  return { start, end, haste: 1 }
}
