/**
 * What is counted of a counterparty, a device or an IP address over all customers of a bank, and the features that are read from it. A
 * state is a row of 32-bit words in three rings of records. A record is about six hours or six days, whose number is its first word; a
 * later number takes its place, an earlier one is passed over. So nothing has to be cleared, and the same events give the same words in
 * whatever order they come.
 *
 *     word    0         first seen, seconds since 1970; 0 for never
 *     1   ..  55        5 records of 6 hours: number, transactions of each hour, and 128 bits of which each card sets one
 *     56  .. 121        6 records of 6 days in UTC, likewise
 *     122 .. 199        6 records of 6 days: number, frauds that became known on each day, and genuine ones (both signed)
 */

export const stateWords = 200
/** Where a ring begins, how many records it has, and how many words each. */
export const rings = {
  hours: { at: 1, records: 5, words: 11 },
  days: { at: 56, records: 6, words: 11 },
  labels: { at: 122, records: 6, words: 13 },
} as const
/** Hours or days of a record. */
export const span = 6

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** Share of frauds that an entity without a past is taken for, and how many transactions that belief weighs. */
export const baseRate = 0.01
export const priorWeight = 20

/** Days that stand for «never», and the most that an age or a time since can be. */
export const mostDays = 31

/** How many cards have set bits, by how many of the 128 bits are not set: linear counting. */
const cardsOf = Float64Array.from({ length: 129 }, (_, zeros) => 128 * Math.log(128 / Math.max(1, zeros)))

type Ring = (typeof rings)[keyof typeof rings]

/** Where the record of that number is, made ready if its place held an earlier one; -1 where it holds a later one. */
function recordAt(state: Uint32Array, ring: Ring, number: number): number {
  const at = ring.at + (number % ring.records) * ring.words
  if (state[at] > number) return -1
  if (state[at] < number) {
    state[at] = number
    state.fill(0, at + 1, at + ring.words)
  }
  return at
}

/** Counts a transaction of the hour or day `unit`, and its card. */
function count(state: Uint32Array, ring: Ring, unit: number, card: number): void {
  const at = recordAt(state, ring, (unit / span) | 0)
  if (at < 0) return
  state[at + 1 + (unit % span)]++
  state[at + 1 + span + (card >>> 5)] |= 1 << (31 - (card & 31))
}

/** Counts a transaction. `seconds` is its time since 1970, `card` the instrument's bit, 0 to 127. */
export function addTransactionAt(state: Uint32Array, seconds: number, card: number): void {
  if (state[0] === 0 || seconds < state[0]) state[0] = seconds
  const hour = (seconds / 3600) | 0
  count(state, rings.hours, hour, card)
  count(state, rings.days, (hour / 24) | 0, card)
}

/** The same at `time`, milliseconds since 1970. */
export const addTransaction = (state: Uint32Array, time: number, card: number): void =>
  addTransactionAt(state, Math.floor(time / 1000), card)

/** Whether the six days of that time have a record already. */
export function knowsDaysOf(state: Uint32Array, seconds: number): boolean {
  const number = Math.floor(seconds / 86_400 / span)
  return state[rings.days.at + (number % rings.days.records) * rings.days.words] === number
}

/** The bit of an instrument by the 32-bit hash of its token. */
export const cardBit = (hash: number): number => hash & 127

export type LabelKind = 'fraud' | 'genuine'

const kindWord = { fraud: 1, genuine: 1 + span } as const

/** Adds `delta` to what became known at `knownAt` (milliseconds since 1970); a label that was corrected is taken back by -1. */
export function addLabel(state: Uint32Array, kind: LabelKind, knownAt: number, delta: number): void {
  const day = Math.floor(knownAt / dayMs)
  const at = recordAt(state, rings.labels, Math.floor(day / span))
  if (at >= 0) state[at + kindWord[kind] + (day % span)] += delta
}

/** How many bits are set. */
function ones(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555)
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333)
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** Different cards in all records of the ring that ends with `number`. */
function cards(state: Uint32Array, ring: Ring, number: number): number {
  let [a, b, c, d] = [0, 0, 0, 0]
  for (let r = 0, at = ring.at; r < ring.records; r++, at += ring.words) {
    const age = number - state[at]
    if (age < 0 || age >= ring.records) continue
    a |= state[at + 1 + span]
    b |= state[at + 2 + span]
    c |= state[at + 3 + span]
    d |= state[at + 4 + span]
  }
  return cardsOf[128 - ones(a) - ones(b) - ones(c) - ones(d)]
}

/** The sum over `units` hours or days that end with `unit`, and the one before them in the proportion `rest`. */
function windowOf(state: Uint32Array, ring: Ring, unit: number, units: number, rest: number): number {
  let sum = 0
  for (let r = 0, at = ring.at; r < ring.records; r++, at += ring.words) {
    // How old the record's first hour or day is; the next ones are younger.
    const oldest = unit - state[at] * span
    if (oldest < 0 || oldest >= units + span) continue
    const end = Math.min(span - 1, oldest)
    for (let i = Math.max(0, oldest - units + 1); i <= end; i++) sum += state[at + 1 + i]
    if (oldest >= units) sum += state[at + 1 + oldest - units] * rest
  }
  return sum
}

const labels = { frauds: 0, first: mostDays, last: mostDays, genuine: 0 }

/** What became known in the 30 days that end with `day`: frauds, the days since the first and the last of them, and what is genuine since the first. */
function readLabels(state: Uint32Array, day: number): void {
  const { at: begin, records, words } = rings.labels
  const end = begin + records * words
  labels.frauds = 0
  labels.first = -1
  labels.last = mostDays
  labels.genuine = 0
  for (let at = begin; at < end; at += words) {
    const oldest = day - state[at] * span
    if (oldest >= 30 + span) continue
    for (let i = 0, age = oldest; i < span; i++, age--) {
      const n = state[at + kindWord.fraud + i] | 0
      if (n === 0 || age < 0 || age >= 30) continue
      labels.frauds += n
      if (n < 0) continue
      if (age > labels.first) labels.first = age
      if (age < labels.last) labels.last = age
    }
  }
  for (let at = begin; at < end && labels.first >= 0; at += words) {
    const oldest = day - state[at] * span
    for (let i = 0, age = oldest; i < span; i++, age--)
      if (age >= 0 && age <= labels.first) labels.genuine += state[at + kindWord.genuine + i] | 0
  }
  if (labels.first < 0) labels.first = mostDays
}

/** Writes the features of `counterFeatures` into `out` from `at` on, as of `time` (milliseconds since 1970). */
export function readCounters(state: Uint32Array, time: number, out: Float32Array, at: number): void {
  const hour = Math.floor(time / hourMs)
  const day = Math.floor(time / dayMs)
  const restOfHour = 1 - (time - hour * hourMs) / hourMs
  const restOfDay = 1 - (time - day * dayMs) / dayMs
  const count30 = windowOf(state, rings.days, day, 30, restOfDay)
  readLabels(state, day)
  const frauds = Math.max(0, labels.frauds)
  out[at] = windowOf(state, rings.hours, hour, 1, restOfHour)
  out[at + 1] = windowOf(state, rings.hours, hour, 24, restOfHour)
  out[at + 2] = count30
  out[at + 3] = cards(state, rings.hours, Math.floor(hour / span))
  out[at + 4] = cards(state, rings.days, Math.floor(day / span))
  out[at + 5] = state[0] === 0 ? 0 : Math.min(mostDays, Math.max(0, (time / 1000 - state[0]) / 86_400))
  out[at + 6] = Math.min(1, (frauds + priorWeight * baseRate) / (count30 + priorWeight))
  out[at + 7] = frauds
  out[at + 8] = labels.first
  out[at + 9] = labels.last
  out[at + 10] = Math.max(0, labels.genuine)
}
