/** The features of a transaction: one pass over the customer's earlier transactions of a day, and one over those of 30 days, newest first. */
import { foldDay } from './day.ts'
import type { Declines } from './declines.ts'
import { type Entry, factBits, latOf, lonOf } from './entry.ts'
import { indexOf, longestWindow, windows } from './features.ts'
import { type History, word, words } from './history.ts'
import { foldMonth } from './month.ts'
import { amongRound } from './numbers.ts'
import type { Known } from './parties.ts'
import { distance } from './places.ts'
import { isNight, isWeekend } from './zone.ts'

const day = windows['24h']

const at = {
  amount: indexOf('amount'),
  round: indexOf('round_amount'),
  underRound: indexOf('under_round_amount'),
  cardNotPresent: indexOf('card_not_present'),
  transfer: indexOf('transfer'),
  credit: indexOf('credit'),
  deviceUnknown: indexOf('device_unknown'),
  ipUnknown: indexOf('ip_unknown'),
  placeUnknown: indexOf('place_unknown'),
  homeDistance: indexOf('home_distance'),
  homeDistanceUnknown: indexOf('home_distance_unknown'),
  speed: indexOf('speed'),
  night: indexOf('night'),
  weekend: indexOf('weekend'),
  declinedOutcomes: indexOf('declined_outcomes_24h'),
  declinedOutcomes30: indexOf('declined_outcomes_30d'),
  accountAge: indexOf('account_age'),
  accountAgeUnknown: indexOf('account_age_unknown'),
}

/** Writes all features into `out` from `start` on. Reads only what is before `entry`, whether or not it is kept itself. */
export function fold(history: History, declines: Declines | undefined, known: Known, entry: Entry, out: Float32Array, start: number): void {
  const { time } = entry
  const last = (history.positionOf(time, entry.id) - 1) * words
  const daySum = foldDay(history, last, entry, out, start)
  const placed = foldMonth(history, last, daySum, entry, out, start)
  out[start + at.declinedOutcomes] = declines === undefined ? 0 : declines.count(time - day, time)
  out[start + at.declinedOutcomes30] = declines === undefined ? 0 : declines.count(time - longestWindow, time)
  foldTransaction(entry, out, start)
  foldPlace(history, known, entry, placed, out, start)
  foldKnown(known, time, out, start)
}
/** What the transaction says of itself. */
function foldTransaction(entry: Entry, out: Float32Array, start: number): void {
  const shape = amongRound(entry.amount)
  out[start + at.amount] = entry.amount
  out[start + at.round] = shape === 'round' ? 1 : 0
  out[start + at.underRound] = shape === 'under' ? 1 : 0
  out[start + at.cardNotPresent] = (entry.facts & factBits.remote) === 0 ? 0 : 1
  out[start + at.transfer] = entry.transfer ? 1 : 0
  out[start + at.credit] = (entry.facts & factBits.credit) === 0 ? 0 : 1
  out[start + at.deviceUnknown] = entry.device === 0 ? 1 : 0
  out[start + at.ipUnknown] = entry.ip ? 0 : 1
  out[start + at.placeUnknown] = entry.place === 0 ? 1 : 0
}

/** `placed` is the offset of the last earlier entry with a place, or negative. */
function foldPlace(history: History, known: Known, entry: Entry, placed: number, out: Float32Array, start: number): void {
  const homeUnknown = entry.place === 0 || Number.isNaN(known.lat) || Number.isNaN(known.lon)
  const lat = latOf(entry.place)
  const lon = lonOf(entry.place)
  out[start + at.homeDistance] = homeUnknown ? 0 : distance(known.lat, known.lon, lat, lon)
  out[start + at.homeDistanceUnknown] = homeUnknown ? 1 : 0
  let speed = 0
  if (entry.place !== 0 && placed >= 0) {
    const before = history.data[placed + word.place]
    const hours = Math.max((entry.time - history.timeAt(placed)) / 3_600_000, 1 / 12)
    if (before !== entry.place) speed = Math.min(20_000, distance(latOf(before), lonOf(before), lat, lon) / hours)
  }
  out[start + at.speed] = speed
}

/** What the customer's zone and account say at that time. */
function foldKnown(known: Known, time: number, out: Float32Array, start: number): void {
  const hour = known.zone.weekHour(time)
  out[start + at.night] = isNight(hour) ? 1 : 0
  out[start + at.weekend] = isWeekend(hour) ? 1 : 0
  const ageUnknown = Number.isNaN(known.opened)
  out[start + at.accountAge] = ageUnknown ? 0 : Math.max(0, Math.min(3650, (time - known.opened) / day))
  out[start + at.accountAgeUnknown] = ageUnknown ? 1 : 0
}
