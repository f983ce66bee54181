/** The features of the last hour and day: the few newest entries of a history. */
import { Distinct } from './distinct.ts'
import { type Entry, factBits } from './entry.ts'
import { indexOf, windows } from './features.ts'
import { type History, word, words } from './history.ts'

const at = {
  count: indexOf('count_1h'),
  sum: indexOf('sum_1h'),
  mean: indexOf('mean_1h'),
  max: indexOf('max_1h'),
  sameAmount: indexOf('same_amount_24h'),
  sameCounterparty: indexOf('same_counterparty_24h'),
  counterparties: indexOf('counterparties_24h'),
  instruments: indexOf('instruments_24h'),
  declined: indexOf('declined_24h'),
  credits: indexOf('credits_24h'),
  creditSum: indexOf('credit_sum_24h'),
  cash: indexOf('cash_24h'),
  instrumentCount1: indexOf('instrument_count_1h'),
  instrumentCount24: indexOf('instrument_count_24h'),
  instrumentSum24: indexOf('instrument_sum_24h'),
}

const counterparties = new Distinct(1 << 20)
const instruments = new Distinct(1 << 12)

// The bits of a float32, there and back.
const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** `last` is the offset of the newest entry before the transaction's time. Returns the sum of the day's payments, this one included. */
export function foldDay(history: History, last: number, entry: Entry, out: Float32Array, start: number): number {
  const { data } = history
  const { facts, counterparty, instrument } = entry
  const from1 = entry.time - windows['1h']
  const from24 = entry.time - windows['24h']
  let n1 = 0
  let n24 = 0
  let s1 = 0
  let s24 = 0
  let m1 = 0
  let m24 = 0
  let sameAmount = 0
  let sameCounterparty = 0
  let declined = (facts & factBits.declined) === 0 ? 0 : 1
  let cash = (facts & factBits.cash) === 0 ? 0 : 1
  let credits = (facts & factBits.credit) === 0 ? 0 : 1
  let creditSum = credits * entry.amount
  let instrument1 = 0
  let instrument24 = 0
  let instrumentSum = 0
  counterparties.start()
  instruments.start()
  let differentCounterparties = counterparty === 0 ? 0 : counterparties.add(counterparty)
  let differentInstruments = instruments.add(instrument)

  for (let o = last; o >= 0; o -= words) {
    const t = history.timeAt(o)
    if (t <= from24) break
    const f = data[o + word.facts]
    const parties = data[o + word.parties]
    const other = parties >>> 12
    const ofInstrument = (parties & 0xfff) === instrument
    bits[0] = data[o + word.amount]
    const a = float[0]
    if ((f & factBits.payment) !== 0) {
      n24++
      s24 += a
      if (a > m24) m24 = a
      if (a === entry.amount) sameAmount++
      if (other === counterparty && other !== 0) sameCounterparty++
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
    if ((f & factBits.declined) !== 0) declined++
    if ((f & factBits.cash) !== 0) cash++
    if ((f & factBits.credit) !== 0) {
      credits++
      creditSum += a
    }
    if (other !== 0) differentCounterparties += counterparties.add(other)
    differentInstruments += instruments.add(parties & 0xfff)
  }

  const own = (facts & factBits.payment) === 0 ? 0 : 1
  const ownAmount = own * entry.amount
  out[start + at.count] = n1 + own
  out[start + at.count + 1] = n24 + own
  out[start + at.sum] = s1 + ownAmount
  out[start + at.sum + 1] = s24 + ownAmount
  out[start + at.mean] = (s1 + ownAmount) / Math.max(1, n1 + own)
  out[start + at.mean + 1] = (s24 + ownAmount) / Math.max(1, n24 + own)
  out[start + at.max] = Math.max(m1, ownAmount)
  out[start + at.max + 1] = Math.max(m24, ownAmount)
  out[start + at.sameAmount] = sameAmount
  out[start + at.sameCounterparty] = sameCounterparty
  out[start + at.counterparties] = differentCounterparties
  out[start + at.instruments] = differentInstruments
  out[start + at.declined] = declined
  out[start + at.credits] = credits
  out[start + at.creditSum] = creditSum
  out[start + at.cash] = cash
  out[start + at.instrumentCount1] = instrument1 + own
  out[start + at.instrumentCount24] = instrument24 + own
  out[start + at.instrumentSum24] = instrumentSum + ownAmount
  return s24 + ownAmount
}
