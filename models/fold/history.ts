/**
 * A customer's recent transactions, by time, then by the hash of the id: seven 32-bit words each, in one array. A late one is inserted
 * where it belongs, so that the same set gives the same array whatever the order in which they came. At most `mostEntries` are kept, the
 * newest ones.
 */
import { type Entry, factBits, hashOf } from './entry.ts'
import { longestWindow, windows } from './features.ts'

/**
 * Milliseconds of history that features can need: the longest window, the largest age of a transaction, a day for clocks ahead, and a
 * day for a broker whose clock was set back.
 */
export const horizon: number = longestWindow + 32 * windows['24h']
export const mostEntries = 1000

/** Words of an entry, and what each holds. */
export const words = 7
export const word = { seconds: 0, facts: 1, amount: 2, id: 3, parties: 4, place: 5, things: 6 } as const
const milliseconds = 0x3ff

/** Bits of the facts that depend on the zone of the home. */
export type LocalFacts = (time: number) => number
const localBits = factBits.night | factBits.weekend

// The bits of a float32, there and back.
const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

const nothing = new Uint32Array(0)
/** Room for so many more: most customers have few transactions, and there are many customers. */
const spare = 4

export class History {
  data = nothing
  length = 0

  get bytes(): number {
    return this.data.byteLength
  }

  /** Time of the entry that begins at `offset` of `data`. */
  timeAt(offset: number): number {
    return this.data[offset + word.seconds] * 1000 + (this.data[offset + word.facts] & milliseconds)
  }

  /** Whether a transaction with an id of this hash is kept. Two ids meet once in four thousand million, so a hit must be confirmed. */
  has(transactionId: string): boolean {
    const hash = hashOf(transactionId)
    for (let o = word.id, end = this.length * words; o < end; o += words) if (this.data[o] === hash) return true
    return false
  }

  /** Where an entry of that time and id belongs: the number of entries before it. */
  positionOf(time: number, idHash: number): number {
    let low = 0
    let high = this.length
    // Mostly it is the newest, and what is in the middle is not in the processor's cache.
    if (high > 0 && this.timeAt((high - 1) * words) < time) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      const o = middle * words
      const t = this.timeAt(o)
      if (t < time || (t === time && this.data[o + word.id] < idHash)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Whether one that is kept happened after this time. */
  isAfter(time: number): boolean {
    return this.length > 0 && this.timeAt((this.length - 1) * words) > time
  }

  /** Takes a transaction in, where its time puts it. One that is kept already changes nothing. */
  insert(entry: Entry, local: number): void {
    let position = this.positionOf(entry.time, entry.id)
    const there = position * words
    if (position < this.length && this.timeAt(there) === entry.time && this.data[there + word.id] === entry.id) return
    if (this.length === mostEntries) {
      if (position === 0) return
      this.#dropOldest(1)
      position--
    } else if (this.length * words === this.data.length) position = Math.max(0, position - this.#makeRoom())
    const { data } = this
    const o = position * words
    data.copyWithin(o + words, o, this.length * words)
    this.length++
    data[o + word.seconds] = Math.floor(entry.time / 1000)
    data[o + word.facts] = entry.facts | (entry.time % 1000) | local
    float[0] = entry.amount
    data[o + word.amount] = bits[0]
    data[o + word.id] = entry.id
    data[o + word.parties] = (entry.counterparty << 12) | entry.instrument
    data[o + word.place] = entry.place
    data[o + word.things] = (entry.device << 16) | entry.category
  }

  /** Makes room for so many at once: step by step, a history that is loaded would be copied again and again. */
  reserve(entries: number): void {
    if (this.data.length < entries * words) this.#resize(entries + spare)
  }

  /** Writes the local facts of every entry anew. */
  relocate(local: LocalFacts): void {
    for (let o = 0, end = this.length * words; o < end; o += words)
      this.data[o + word.facts] = (this.data[o + word.facts] & ~localBits) | local(this.timeAt(o))
  }

  #dropOldest(count: number): void {
    this.data.copyWithin(0, count * words, this.length * words)
    this.length -= count
  }

  #resize(entries: number): void {
    const resized = new Uint32Array(Math.min(entries, mostEntries) * words)
    resized.set(this.data)
    this.data = resized
  }

  /** Lets go of what no feature can need any more, else grows. Returns how many entries went. */
  #makeRoom(): number {
    const old = this.length === 0 ? 0 : this.positionOf(this.timeAt((this.length - 1) * words) - horizon, 0)
    if (old > 0) this.#dropOldest(old)
    else this.#resize(Math.max(2 * spare, this.length + (this.length < 128 ? spare : this.length >>> 2)))
    return old
  }
}
