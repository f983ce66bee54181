/**
 * What is counted of a counterparty, a device or an IP address over all customers of a bank, and the features that are read from it. A
 * state is a row of 32-bit words; every slot of a ring carries the number of the round in which it was written, so that nothing has to
 * be cleared and the same events give the same words in whatever order they come. Redis holds the words as big-endian bytes, and the
 * script in `services/detector/counters/script.ts` does to them what the functions here do.
 *
 *     word     0   first seen, seconds since 1970; 0 for never
 *      1 ..  25   transactions of an hour: round (15 bits) and count (17 bits, stays at its most)
 *     26 ..  56   transactions of a day in UTC: round (11 bits) and count (21 bits)
 *     57 ..  81   cards of 6 hours: the number of the 6 hours, and 128 bits of which each card sets one
 *     82 .. 111   cards of 6 days, likewise
 *    112 .. 142   frauds that became known on a day: round (11 bits) and count (21 bits, signed); only where there are labels
 *    143 .. 173   genuine ones, likewise
 */
import type { FeatureType } from './features.ts'

/** Words of a state without labels, and with them. */
export const stateWords = 112
export const labelledWords = 174

export const layout = { hours: 1, days: 26, sixHours: 57, sixDays: 82, frauds: 112, genuine: 143 } as const
export const rings = { hours: 25, days: 31, sixHours: 5, sixDays: 6 } as const
/** Bits of a slot that count; the round stands above them. */
export const countBits = { hours: 17, days: 21 } as const
/** Words of a set of cards: its number and 128 bits. */
export const setWords = 5

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** Share of frauds that an entity without a past is taken for, and how many transactions that belief weighs. */
export const baseRate = 0.01
export const priorWeight = 20

/** Days that stand for «never», and the most that an age or a time since can be. */
export const mostDays = 31

export const entityTypes = ['counterparty', 'device', 'ip'] as const
export type EntityType = (typeof entityTypes)[number]

type CounterFeature = { readonly name: string; readonly type: FeatureType; readonly unit: string; readonly meaning: string }

/**
 * The features of one entity, in the order in which `readCounters` writes them; each of `entityTypes` has them all, under names that begin
 * with it. THING stands for the entity. They are as of the transaction's time, without the transaction itself.
 */
export const counterFeatures: readonly CounterFeature[] = [
  {
    name: 'count_1h',
    type: 'number',
    unit: 'transactions',
    meaning: 'Transactions with the THING in 1 hour: those of the clock’s hour, and of the one before in proportion',
  },
  {
    name: 'count_24h',
    type: 'number',
    unit: 'transactions',
    meaning: 'Transactions with the THING in 24 hours, the oldest hour in proportion',
  },
  {
    name: 'count_30d',
    type: 'number',
    unit: 'transactions',
    meaning: 'Transactions with the THING in 30 days, the oldest day in proportion',
  },
  {
    name: 'cards_24h',
    type: 'number',
    unit: 'instruments',
    meaning: 'Different instruments with the THING in 24 to 30 hours, estimated from 128 bits; at most 621',
  },
  {
    name: 'cards_30d',
    type: 'number',
    unit: 'instruments',
    meaning: 'Different instruments with the THING in 30 to 36 days, estimated from 128 bits; at most 621',
  },
  { name: 'age', type: 'number', unit: 'days', meaning: 'Since the THING was first seen, at most 31; 0 for a new one' },
  {
    name: 'fraud_share',
    type: 'number',
    unit: 'share',
    meaning: `Frauds that became known over transactions, both in 30 days, as if ${priorWeight} more with ${baseRate * 100} % of frauds had been seen; at most 1`,
  },
  {
    name: 'frauds_30d',
    type: 'count',
    unit: 'transactions',
    meaning: 'Frauds with the THING that became known in 30 days, counted in days of UTC with today’s',
  },
  {
    name: 'since_first_fraud',
    type: 'number',
    unit: 'days',
    meaning: 'Since the day on which the first of them became known; 31 where there is none',
  },
  {
    name: 'since_last_fraud',
    type: 'number',
    unit: 'days',
    meaning: 'Since the day on which the last of them became known; 31 where there is none',
  },
  {
    name: 'genuine_since',
    type: 'count',
    unit: 'transactions',
    meaning: 'Transactions with the THING that became known as genuine since the day of the first of those frauds',
  },
]

/** How many cards have set bits, by how many of the 128 bits are not set: linear counting. */
const cardsOf = Float64Array.from({ length: 129 }, (_, zeros) => 128 * Math.log(128 / Math.max(1, zeros)))

/** One more in the slot of an hour or a day, unless it holds a later round or is full. */
function count(state: Uint32Array, ring: number, size: number, bits: number, number: number): void {
  const slot = number % size
  const round = ((number - slot) / size) * 2 ** bits
  const word = state[ring + slot]
  if (word < round) state[ring + slot] = round + 1
  else if (word < round + 2 ** bits - 1) state[ring + slot] = word + 1
}

/** Sets the card's bit in the set of that number, unless its place holds a later one. */
function mark(state: Uint32Array, ring: number, size: number, number: number, card: number): void {
  const at = ring + (number % size) * setWords
  if (state[at] > number) return
  if (state[at] < number) {
    state[at] = number
    state.fill(0, at + 1, at + setWords)
  }
  state[at + 1 + (card >>> 5)] |= 1 << (31 - (card & 31))
}

/** Counts a transaction. `time` is milliseconds since 1970, `card` the instrument's bit, 0 to 127. */
export function addTransaction(state: Uint32Array, time: number, card: number): void {
  const seconds = Math.floor(time / 1000)
  const hour = Math.floor(time / hourMs)
  const day = Math.floor(time / dayMs)
  if (state[0] === 0 || seconds < state[0]) state[0] = seconds
  count(state, layout.hours, rings.hours, countBits.hours, hour)
  count(state, layout.days, rings.days, countBits.days, day)
  mark(state, layout.sixHours, rings.sixHours, Math.floor(hour / 6), card)
  mark(state, layout.sixDays, rings.sixDays, Math.floor(day / 6), card)
}

/** The bit of an instrument by the 32-bit hash of its token. */
export const cardBit = (hash: number): number => hash & 127

export type LabelKind = 'frauds' | 'genuine'

/**
 * Adds `delta` to what became known at `knownAt` (milliseconds since 1970); a label that was corrected is taken back by -1. The state must
 * have `labelledWords`.
 */
export function addLabel(state: Uint32Array, kind: LabelKind, knownAt: number, delta: number): void {
  const day = Math.floor(knownAt / dayMs)
  const slot = day % rings.days
  const at = layout[kind] + slot
  const round = ((day - slot) / rings.days) * 2 ** countBits.days
  const word = state[at]
  if (word >= round + 2 ** countBits.days) return
  const low = word < round ? 0 : word - round
  state[at] = round + ((low + delta) & (2 ** countBits.days - 1))
}

/** The state with room for labels, which is the same one where it has it already. */
export function withLabels(state: Uint32Array): Uint32Array {
  if (state.length === labelledWords) return state
  const grown = new Uint32Array(labelledWords)
  grown.set(state)
  return grown
}

/** Different cards in the sets that end with `number`. */
function cards(state: Uint32Array, ring: number, size: number, number: number): number {
  let [a, b, c, d] = [0, 0, 0, 0]
  for (let at = ring; at < ring + size * setWords; at += setWords) {
    const age = number - state[at]
    if (age < 0 || age >= size) continue
    a |= state[at + 1]
    b |= state[at + 2]
    c |= state[at + 3]
    d |= state[at + 4]
  }
  return cardsOf[128 - ones(a) - ones(b) - ones(c) - ones(d)]
}

/** How many bits are set. */
function ones(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555)
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333)
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** What a day's slot counts, if it was written in that day's round; labels are signed. */
function labelsOf(state: Uint32Array, ring: number, day: number): number {
  const slot = day % rings.days
  const word = state[ring + slot]
  return word >>> countBits.days === (day - slot) / rings.days ? (word << (32 - countBits.days)) >> (32 - countBits.days) : 0
}

/** Writes the features of `counterFeatures` into `out` from `at` on, as of `time`. */
export function readCounters(state: Uint32Array, time: number, out: Float32Array, at: number): void {
  const hour = Math.floor(time / hourMs)
  const day = Math.floor(time / dayMs)
  let count24 = 0
  let hourBefore = 0
  let oldestHour = 0
  let thisHour = 0
  const lastHour = hour % rings.hours
  const hourRound = (hour - lastHour) / rings.hours
  for (let slot = 0; slot < rings.hours; slot++) {
    const word = state[layout.hours + slot]
    if (word >>> countBits.hours !== (slot <= lastHour ? hourRound : hourRound - 1)) continue
    const n = word & (2 ** countBits.hours - 1)
    const age = slot <= lastHour ? lastHour - slot : lastHour - slot + rings.hours
    if (age === rings.hours - 1) oldestHour = n
    else count24 += n
    if (age === 0) thisHour = n
    else if (age === 1) hourBefore = n
  }
  let count30 = 0
  let oldestDay = 0
  const lastDay = day % rings.days
  const dayRound = (day - lastDay) / rings.days
  for (let slot = 0; slot < rings.days; slot++) {
    const word = state[layout.days + slot]
    if (word >>> countBits.days !== (slot <= lastDay ? dayRound : dayRound - 1)) continue
    const n = word & (2 ** countBits.days - 1)
    if (slot === (lastDay + 1) % rings.days) oldestDay = n
    else count30 += n
  }
  let frauds = 0
  let first = mostDays
  let last = mostDays
  let genuine = 0
  if (state.length === labelledWords) {
    for (let age = 0; age < mostDays - 1; age++) {
      const n = labelsOf(state, layout.frauds, day - age)
      frauds += n
      if (n <= 0) continue
      first = age
      if (last === mostDays) last = age
    }
    for (let age = 0; age <= first && first < mostDays; age++) genuine += labelsOf(state, layout.genuine, day - age)
  }
  const restOfHour = 1 - (time - hour * hourMs) / hourMs
  const restOfDay = 1 - (time - day * dayMs) / dayMs
  const all30 = count30 + oldestDay * restOfDay
  const known = Math.max(0, frauds)
  out[at] = thisHour + hourBefore * restOfHour
  out[at + 1] = count24 + oldestHour * restOfHour
  out[at + 2] = all30
  out[at + 3] = cards(state, layout.sixHours, rings.sixHours, Math.floor(hour / 6))
  out[at + 4] = cards(state, layout.sixDays, rings.sixDays, Math.floor(day / 6))
  out[at + 5] = state[0] === 0 ? 0 : Math.min(mostDays, Math.max(0, (time / 1000 - state[0]) / 86_400))
  out[at + 6] = Math.min(1, (known + priorWeight * baseRate) / (all30 + priorWeight))
  out[at + 7] = known
  out[at + 8] = first
  out[at + 9] = last
  out[at + 10] = Math.max(0, genuine)
}
