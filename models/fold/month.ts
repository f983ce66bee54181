/** The features of the last week and month: every entry of a history that a window reaches, the dearest loop of the fold. */
import { Distinct } from './distinct.ts'
import { type Entry, factBits } from './entry.ts'
import { indexOf, large, longestWindow, windows } from './features.ts'
import { type History, mostEntries, word, words } from './history.ts'
import { medianOf } from './numbers.ts'

const countryMask = 0x3ff << factBits.country
const channelMask = 0xf << factBits.channel
/** Where flags of the facts lie that are counted, three of them side by side: branching on what has no pattern costs more than a table. */
const flagsAt = 31 - Math.clz32(factBits.night)
const countBits = 10
/** What each of the eight combinations adds to three counts in one number: at most 1,000 entries fit into 10 bits each. */
const counted = Int32Array.from(
  { length: 8 },
  (_, flags) => (flags & 1) | ((flags & 2) << (countBits - 1)) | ((flags & 4) << (2 * countBits - 2)),
)
const countIn = (counts: number, place: number): number => (counts >>> (place * countBits)) & ((1 << countBits) - 1)

const at = {
  count: indexOf('count_7d'),
  sum: indexOf('sum_7d'),
  mean: indexOf('mean_7d'),
  max: indexOf('max_7d'),
  ratio: indexOf('amount_ratio'),
  overMedian: indexOf('amount_over_median'),
  overMax: indexOf('amount_over_max'),
  deviation: indexOf('amount_deviation'),
  dayOverHabit: indexOf('day_over_habit'),
  large: indexOf('large_14d'),
  sameCounterparty: indexOf('same_counterparty_30d'),
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
  devices: indexOf('devices_30d'),
  nightShare: indexOf('night_share'),
  weekendShare: indexOf('weekend_share'),
  remoteShare: indexOf('remote_share'),
  refunds: indexOf('refunds_30d'),
  instrumentGap: indexOf('instrument_gap'),
}

const devices = new Distinct(1 << 16)
/** Amounts of payments, newest first, as the bits of float32: none is negative, so that the bits are in the order of the numbers. */
const amounts = new Int32Array(mostEntries)
/** Those of the days in which a large one is remembered, since `medianOf` moves the others about. */
const recent = new Float32Array(mostEntries)

// The bits of a float32, there and back.
const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/**
 * `last` is the offset of the newest entry before the transaction's time, `daySum` the sum of the day's payments. Returns the offset of the
 * newest entry with a place, a negative number for none; it says nothing where the transaction has no place itself.
 */
export function foldMonth(history: History, last: number, daySum: number, entry: Entry, out: Float32Array, start: number): number {
  const { data } = history
  const { time, counterparty, category, device, instrument } = entry
  const from7 = time - windows['7d']
  const from14 = time - large.window
  const from30 = time - longestWindow
  const country = entry.facts & countryMask
  const channel = entry.facts & channelMask
  let n7 = 0
  let n14 = 0
  let n30 = 0
  let s7 = 0
  let s30 = 0
  let m7 = 0
  let m30 = 0
  let squares = 0
  let sameCounterparty = 0
  let earlier = 0
  const newest = last < 0 ? time : history.timeAt(last)
  let oldest = newest
  let gapSquares = 0
  /** Nights, weekends and remote ones. */
  let flags = 0
  let refunds = 0
  let instrumentLast = -1
  let counterpartyMet = counterparty === 0
  let categoryMet = category === 0
  let deviceMet = device === 0
  let countryMet = country === 0
  let channelMet = channel === 0
  let placed = entry.place === 0 ? 0 : -1
  let isSought = true
  devices.start()
  let differentDevices = device === 0 ? 0 : devices.add(device)
  let deviceBefore = device

  let o = last
  for (; o >= 0; o -= words) {
    const t = history.timeAt(o)
    if (t <= from30) break
    const f = data[o + word.facts]
    const parties = data[o + word.parties]
    const things = data[o + word.things]
    const gap = oldest - t
    gapSquares += gap * gap
    oldest = t
    earlier++
    const payment = f & factBits.payment
    if (parties >>> 12 === counterparty) {
      counterpartyMet = true
      if (payment !== 0) sameCounterparty++
    }
    if (payment !== 0) {
      bits[0] = data[o + word.amount]
      const a = float[0]
      amounts[n30++] = bits[0]
      s30 += a
      squares += a * a
      if (a > m30) m30 = a
      if (t > from14) {
        recent[n14++] = a
        if (t > from7) {
          n7++
          s7 += a
          if (a > m7) m7 = a
        }
      }
    }
    flags += counted[(f >>> flagsAt) & 7]
    if ((f & factBits.refund) !== 0) refunds++
    const deviceThen = things >>> 16
    if (deviceThen !== deviceBefore && deviceThen !== 0) {
      differentDevices += devices.add(deviceThen)
      deviceBefore = deviceThen
    }
    // Mostly all of these is found in the first entries.
    if (isSought) {
      categoryMet ||= (things & 0xffff) === category
      deviceMet ||= deviceThen === device
      countryMet ||= (f & countryMask) === country
      channelMet ||= (f & channelMask) === channel
      if (instrumentLast < 0 && (parties & 0xfff) === instrument) instrumentLast = t
      if (placed < 0 && data[o + word.place] !== 0) placed = o
      isSought = !(categoryMet && deviceMet && countryMet && channelMet && instrumentLast >= 0 && placed >= 0)
    }
  }

  const own = (entry.facts & factBits.payment) === 0 ? 0 : 1
  const ownAmount = own * entry.amount
  out[start + at.count] = n7 + own
  out[start + at.count + 1] = n30 + own
  out[start + at.sum] = s7 + ownAmount
  out[start + at.sum + 1] = s30 + ownAmount
  out[start + at.mean] = (s7 + ownAmount) / Math.max(1, n7 + own)
  out[start + at.mean + 1] = (s30 + ownAmount) / Math.max(1, n30 + own)
  out[start + at.max] = Math.max(m7, ownAmount)
  out[start + at.max + 1] = Math.max(m30, ownAmount)
  const mean = n30 === 0 ? 0 : s30 / n30
  const spread = n30 < 2 ? 0 : Math.sqrt(Math.max(0, squares / n30 - mean * mean))
  const median = n30 === 0 ? 0 : medianOf(amounts, n30)
  out[start + at.ratio] = n30 === 0 ? 1 : entry.amount / Math.max(mean, 1)
  out[start + at.overMedian] = n30 === 0 ? 1 : entry.amount / Math.max(median, 1)
  out[start + at.overMax] = n30 === 0 ? 1 : entry.amount / Math.max(m30, 1)
  out[start + at.deviation] = n30 < 2 ? 0 : Math.max(-20, Math.min(20, (entry.amount - mean) / Math.max(spread, mean * 0.05, 1)))
  out[start + at.dayOverHabit] = (30 * daySum) / Math.max(s30 + ownAmount, 1)
  const bound = n30 === 0 ? Number.POSITIVE_INFINITY : large.times * median
  let larger = ownAmount > bound ? 1 : 0
  for (let i = 0; i < n14; i++) if (recent[i] > bound) larger++
  out[start + at.large] = larger
  out[start + at.sameCounterparty] = counterparty === 0 ? 0 : sameCounterparty

  const gapMean = earlier < 2 ? longestWindow / 1000 : (newest - oldest) / 1000 / (earlier - 1)
  out[start + at.gap] = (earlier === 0 ? longestWindow : time - newest) / 1000
  out[start + at.gapMean] = gapMean
  out[start + at.gapVariation] =
    earlier < 3 ? 0 : Math.sqrt(Math.max(0, gapSquares / 1e6 / (earlier - 1) - gapMean * gapMean)) / Math.max(gapMean, 0.001)
  out[start + at.history] = earlier
  out[start + at.bounded] = o < 0 && history.length === mostEntries ? 1 : 0

  out[start + at.newCounterparty] = counterpartyMet ? 0 : 1
  out[start + at.newCategory] = categoryMet ? 0 : 1
  out[start + at.newDevice] = deviceMet ? 0 : 1
  out[start + at.newCountry] = countryMet ? 0 : 1
  out[start + at.newChannel] = channelMet ? 0 : 1
  out[start + at.newInstrument] = instrumentLast < 0 ? 1 : 0
  out[start + at.devices] = differentDevices
  out[start + at.nightShare] = earlier === 0 ? 0 : countIn(flags, 0) / earlier
  out[start + at.weekendShare] = earlier === 0 ? 0 : countIn(flags, 1) / earlier
  out[start + at.remoteShare] = earlier === 0 ? 0 : countIn(flags, 2) / earlier
  out[start + at.refunds] = refunds + ((entry.facts & factBits.refund) === 0 ? 0 : 1)
  out[start + at.instrumentGap] = (instrumentLast < 0 ? longestWindow : time - instrumentLast) / 1000
  return placed
}
