/** The features of a transaction: one pass over the customer's earlier transactions of 30 days, newest first. */
import type { Declines } from './declines.ts'
import { Distinct } from './distinct.ts'
import { type Entry, factBits, latOf, lonOf } from './entry.ts'
import { indexOf, large, longestWindow, windows } from './features.ts'
import { type History, mostEntries, word, words } from './history.ts'
import { amongRound, medianOf } from './numbers.ts'
import type { Known } from './parties.ts'
import { distance } from './places.ts'
import { isNight, isWeekend } from './zone.ts'

const day = windows['24h']
const countryMask = 0x3ff << factBits.country
const channelMask = 0xf << factBits.channel

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
  count: indexOf('count_1h'),
  sum: indexOf('sum_1h'),
  mean: indexOf('mean_1h'),
  max: indexOf('max_1h'),
  ratio: indexOf('amount_ratio'),
  overMedian: indexOf('amount_over_median'),
  overMax: indexOf('amount_over_max'),
  deviation: indexOf('amount_deviation'),
  dayOverHabit: indexOf('day_over_habit'),
  large: indexOf('large_14d'),
  sameAmount: indexOf('same_amount_24h'),
  sameCounterparty: indexOf('same_counterparty_24h'),
  sameCounterparty30: indexOf('same_counterparty_30d'),
  gap: indexOf('gap'),
  gapMean: indexOf('gap_mean'),
  gapVariation: indexOf('gap_variation'),
  history: indexOf('history'),
  bounded: indexOf('history_bounded'),
  newCounterparty: indexOf('new_counterparty'),
  newCategory: indexOf('new_category'),
  newDevice: indexOf('new_device'),
  newCountry: indexOf('new_country'),
  newChannel: indexOf('new_channel'),
  newInstrument: indexOf('new_instrument'),
  counterparties: indexOf('counterparties_24h'),
  devices: indexOf('devices_30d'),
  instruments: indexOf('instruments_24h'),
  homeDistance: indexOf('home_distance'),
  homeDistanceUnknown: indexOf('home_distance_unknown'),
  speed: indexOf('speed'),
  night: indexOf('night'),
  nightShare: indexOf('night_share'),
  weekend: indexOf('weekend'),
  weekendShare: indexOf('weekend_share'),
  remoteShare: indexOf('remote_share'),
  declined: indexOf('declined_24h'),
  declinedOutcomes: indexOf('declined_outcomes_24h'),
  declinedOutcomes30: indexOf('declined_outcomes_30d'),
  refunds: indexOf('refunds_30d'),
  credits: indexOf('credits_24h'),
  creditSum: indexOf('credit_sum_24h'),
  cash: indexOf('cash_24h'),
  accountAge: indexOf('account_age'),
  accountAgeUnknown: indexOf('account_age_unknown'),
  instrumentCount1: indexOf('instrument_count_1h'),
  instrumentCount24: indexOf('instrument_count_24h'),
  instrumentSum24: indexOf('instrument_sum_24h'),
  instrumentGap: indexOf('instrument_gap'),
}

const counterparties = new Distinct(1 << 20)
const devices = new Distinct(1 << 16)
const instruments = new Distinct(1 << 12)
const amounts = new Float32Array(mostEntries)
/** The newest of them, kept in place while `medianOf` moves the others about. */
const recent = new Float32Array(mostEntries)

// The bits of a float32, there and back.
const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** Writes all features into `out` from `start` on. Reads only what is before `entry`, whether or not it is kept itself. */
export function fold(history: History, declines: Declines | undefined, known: Known, entry: Entry, out: Float32Array, start: number): void {
  const { data } = history
  const { time } = entry
  const from1 = time - windows['1h']
  const from24 = time - day
  const from7 = time - windows['7d']
  const from14 = time - large.window
  const from30 = time - longestWindow
  const country = entry.facts & countryMask
  const channel = entry.facts & channelMask
  const last = (history.positionOf(time, entry.id) - 1) * words

  let n1 = 0
  let n24 = 0
  let n7 = 0
  let n14 = 0
  let n30 = 0
  let s1 = 0
  let s24 = 0
  let s7 = 0
  let s30 = 0
  let m1 = 0
  let m24 = 0
  let m7 = 0
  let m30 = 0
  let squares = 0
  let sameAmount = 0
  let sameCounterparty24 = 0
  let sameCounterparty30 = 0
  let earlier = 0
  let oldest = time
  let newest = time
  let gapSquares = 0
  let nights = 0
  let weekends = 0
  let remotes = 0
  let declined = 0
  let refunds = 0
  let credits = 0
  let creditSum = 0
  let cash = 0
  let instrument1 = 0
  let instrument24 = 0
  let instrumentSum = 0
  let instrumentLast = -1
  let counterpartyMet = entry.counterparty === 0
  let categoryMet = entry.category === 0
  let deviceMet = entry.device === 0
  let countryMet = country === 0
  let channelMet = channel === 0
  let placed = -1

  counterparties.start()
  devices.start()
  instruments.start()
  let differentCounterparties = entry.counterparty === 0 ? 0 : counterparties.add(entry.counterparty)
  let differentDevices = entry.device === 0 ? 0 : devices.add(entry.device)
  let differentInstruments = instruments.add(entry.instrument)

  let o = last
  for (; o >= 0; o -= words) {
    const f = data[o + word.facts]
    const t = history.timeAt(o)
    if (t <= from30) break
    if (earlier === 0) newest = t
    else gapSquares += ((oldest - t) / 1000) ** 2
    oldest = t
    earlier++
    const parties = data[o + word.parties]
    const things = data[o + word.things]
    const other = parties >>> 12
    const same = other === entry.counterparty && other !== 0
    const ofInstrument = (parties & 0xfff) === entry.instrument
    bits[0] = data[o + word.amount]
    const a = float[0]
    if ((f & factBits.payment) !== 0) {
      amounts[n30] = a
      n30++
      s30 += a
      squares += a * a
      if (a > m30) m30 = a
      if (same) sameCounterparty30++
      if (t > from14) recent[n14++] = a
      if (t > from7) {
        n7++
        s7 += a
        if (a > m7) m7 = a
        if (t > from24) {
          n24++
          s24 += a
          if (a > m24) m24 = a
          if (a === entry.amount) sameAmount++
          if (same) sameCounterparty24++
          if (ofInstrument) {
            instrument24++
            instrumentSum += a
          }
          if (t > from1) {
            n1++
            s1 += a
            if (a > m1) m1 = a
            if (ofInstrument) instrument1++
          }
        }
      }
    }
    if (t > from24) {
      if ((f & factBits.declined) !== 0) declined++
      if ((f & factBits.cash) !== 0) cash++
      if ((f & factBits.credit) !== 0) {
        credits++
        creditSum += a
      }
      if (other !== 0) differentCounterparties += counterparties.add(other)
      differentInstruments += instruments.add(parties & 0xfff)
    }
    if ((f & factBits.night) !== 0) nights++
    if ((f & factBits.weekend) !== 0) weekends++
    if ((f & factBits.remote) !== 0) remotes++
    if ((f & factBits.refund) !== 0) refunds++
    if (placed < 0 && data[o + word.place] !== 0) placed = o
    if (ofInstrument && instrumentLast < 0) instrumentLast = t
    const device = things >>> 16
    if (device !== 0) differentDevices += devices.add(device)
    counterpartyMet ||= same
    categoryMet ||= (things & 0xffff) === entry.category
    deviceMet ||= device === entry.device
    countryMet ||= (f & countryMask) === country
    channelMet ||= (f & channelMask) === channel
  }

  const own = (entry.facts & factBits.payment) === 0 ? 0 : 1
  const ownAmount = own * entry.amount
  const mean = n30 === 0 ? 0 : s30 / n30
  const spread = n30 < 2 ? 0 : Math.sqrt(Math.max(0, squares / n30 - mean * mean))
  const counts = start + at.count
  out[counts] = n1 + own
  out[counts + 1] = n24 + own
  out[counts + 2] = n7 + own
  out[counts + 3] = n30 + own
  const sums = start + at.sum
  out[sums] = s1 + ownAmount
  out[sums + 1] = s24 + ownAmount
  out[sums + 2] = s7 + ownAmount
  out[sums + 3] = s30 + ownAmount
  const means = start + at.mean
  out[means] = (s1 + ownAmount) / Math.max(1, n1 + own)
  out[means + 1] = (s24 + ownAmount) / Math.max(1, n24 + own)
  out[means + 2] = (s7 + ownAmount) / Math.max(1, n7 + own)
  out[means + 3] = (s30 + ownAmount) / Math.max(1, n30 + own)
  const maxima = start + at.max
  out[maxima] = Math.max(m1, ownAmount)
  out[maxima + 1] = Math.max(m24, ownAmount)
  out[maxima + 2] = Math.max(m7, ownAmount)
  out[maxima + 3] = Math.max(m30, ownAmount)
  out[start + at.ratio] = n30 === 0 ? 1 : entry.amount / Math.max(mean, 1)
  const median = n30 === 0 ? 0 : medianOf(amounts, n30)
  out[start + at.overMedian] = n30 === 0 ? 1 : entry.amount / Math.max(median, 1)
  out[start + at.overMax] = n30 === 0 ? 1 : entry.amount / Math.max(m30, 1)
  out[start + at.deviation] = n30 < 2 ? 0 : Math.max(-20, Math.min(20, (entry.amount - mean) / Math.max(spread, mean * 0.05, 1)))
  out[start + at.dayOverHabit] = (30 * (s24 + ownAmount)) / Math.max(s30 + ownAmount, 1)
  const bound = n30 === 0 ? Number.POSITIVE_INFINITY : large.times * median
  let larger = ownAmount > bound ? 1 : 0
  for (let i = 0; i < n14; i++) if (recent[i] > bound) larger++
  out[start + at.large] = larger
  out[start + at.sameAmount] = sameAmount
  out[start + at.sameCounterparty] = sameCounterparty24
  out[start + at.sameCounterparty30] = sameCounterparty30

  const gapMean = earlier < 2 ? longestWindow / 1000 : (newest - oldest) / 1000 / (earlier - 1)
  out[start + at.gap] = (earlier === 0 ? longestWindow : time - newest) / 1000
  out[start + at.gapMean] = gapMean
  out[start + at.gapVariation] =
    earlier < 3 ? 0 : Math.sqrt(Math.max(0, gapSquares / (earlier - 1) - gapMean * gapMean)) / Math.max(gapMean, 0.001)
  out[start + at.history] = earlier
  out[start + at.bounded] = o < 0 && history.length === mostEntries ? 1 : 0

  out[start + at.newCounterparty] = counterpartyMet ? 0 : 1
  out[start + at.newCategory] = categoryMet ? 0 : 1
  out[start + at.newDevice] = deviceMet ? 0 : 1
  out[start + at.newCountry] = countryMet ? 0 : 1
  out[start + at.newChannel] = channelMet ? 0 : 1
  out[start + at.newInstrument] = instrumentLast < 0 ? 1 : 0
  out[start + at.counterparties] = differentCounterparties
  out[start + at.devices] = differentDevices
  out[start + at.instruments] = differentInstruments

  const hour = known.zone.weekHour(time)
  out[start + at.night] = isNight(hour) ? 1 : 0
  out[start + at.nightShare] = earlier === 0 ? 0 : nights / earlier
  out[start + at.weekend] = isWeekend(hour) ? 1 : 0
  out[start + at.weekendShare] = earlier === 0 ? 0 : weekends / earlier
  out[start + at.remoteShare] = earlier === 0 ? 0 : remotes / earlier

  out[start + at.declined] = declined + ((entry.facts & factBits.declined) === 0 ? 0 : 1)
  out[start + at.declinedOutcomes] = declines === undefined ? 0 : declines.count(from24, time)
  out[start + at.declinedOutcomes30] = declines === undefined ? 0 : declines.count(from30, time)
  out[start + at.refunds] = refunds + ((entry.facts & factBits.refund) === 0 ? 0 : 1)
  const isCredit = (entry.facts & factBits.credit) !== 0
  out[start + at.credits] = credits + (isCredit ? 1 : 0)
  out[start + at.creditSum] = creditSum + (isCredit ? entry.amount : 0)
  out[start + at.cash] = cash + ((entry.facts & factBits.cash) === 0 ? 0 : 1)

  out[start + at.instrumentCount1] = instrument1 + own
  out[start + at.instrumentCount24] = instrument24 + own
  out[start + at.instrumentSum24] = instrumentSum + ownAmount
  out[start + at.instrumentGap] = (instrumentLast < 0 ? longestWindow : time - instrumentLast) / 1000

  foldTransaction(entry, out, start)
  foldPlace(history, known, entry, placed, out, start)
  const ageUnknown = Number.isNaN(known.opened)
  out[start + at.accountAge] = ageUnknown ? 0 : Math.max(0, Math.min(3650, (time - known.opened) / day))
  out[start + at.accountAgeUnknown] = ageUnknown ? 1 : 0
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
