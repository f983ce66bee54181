/** Days of a bank: whole ones in its own zone, since days and weeks differ from one another. */
import { zoneOf } from '../fold/zone.ts'

const halfHour = 1_800_000
const day = 86_400_000
export const weekDays = 7

/** When the local day of `time` began. Offsets of zones change on half hours only. */
export function dayStart(time: number, zone: string): number {
  const { weekHour } = zoneOf(zone)
  const dayOf = (slot: number) => Math.floor(weekHour(slot) / 24)
  let slot = Math.floor(time / halfHour) * halfHour
  for (const own = dayOf(slot); dayOf(slot - halfHour) === own; ) slot -= halfHour
  return slot
}

/** Beginnings of the days from `from` to before `to`; the first is `from` itself. */
export function daysBetween(from: number, to: number, zone: string): number[] {
  const starts = [from]
  // Half a day more than a day lies in the next one, however long this one is.
  for (let next = dayStart(dayStart(from, zone) + 1.5 * day, zone); next < to; next = dayStart(next + 1.5 * day, zone)) starts.push(next)
  return starts
}

/** The last whole days that were over at `time`. */
export function wholeDaysBefore(time: number, zone: string, days = weekDays): { from: number; to: number } {
  const to = dayStart(time, zone)
  return { from: dayStart(to - (days - 0.5) * day, zone), to }
}

/** Which of the days holds a time that is not before the first. */
export function dayIndex(starts: readonly number[], time: number): number {
  let i = starts.length - 1
  while (i > 0 && starts[i] > time) i--
  return i
}
