/**
 * A customer's recent history: transactions, what the bank declined, and what is known of the customer. The features of a transaction are
 * a fold over it. The same set of records gives the same bits whatever the order in which they came, in memory, in a reload and in training.
 */
import { Declines } from './declines.ts'
import { type Entry, factBits } from './entry.ts'
import { fold } from './fold.ts'
import { History } from './history.ts'
import { type CustomerFacts, type Known, nothingKnown, Parties } from './parties.ts'
import { isNight, isWeekend } from './zone.ts'

/** What Node takes for a profile and its place in a cache beside the arrays: measured over 200,000 of them. */
const emptyBytes = 1000

export class Profile {
  readonly #history = new History()
  #declines: Declines | undefined
  #parties: Parties | undefined

  /** How many transactions are kept. */
  get size(): number {
    return this.#history.length
  }

  /** Bytes of memory that this profile takes in a cache, near enough for a bound. */
  get bytes(): number {
    return (
      emptyBytes +
      this.#history.bytes +
      (this.#parties?.size ?? 0) * 80 +
      (this.#declines === undefined ? 0 : 64 + this.#declines.size * 56)
    )
  }

  /** Whether a transaction with an id of the same 32-bit hash is kept; a hit must be confirmed. */
  has(transactionId: string): boolean {
    return this.#history.has(transactionId)
  }

  /** Whether a transaction that happened at this time comes late: one that happened after it is kept. */
  isLate(time: number): boolean {
    return this.#history.isAfter(time)
  }

  /** Makes room for so many transactions that come now. */
  reserve(transactions: number): void {
    this.#history.reserve(transactions)
  }

  /** Takes a transaction in, where its time puts it. One that is kept already changes nothing. */
  insert(entry: Entry): void {
    this.#history.insert(entry, this.#local(entry.time))
  }

  /** The bank did something at `happened` and it became known at `known` (milliseconds since 1970). The same outcome twice counts once. */
  addOutcome(happened: number, known: number, result: string, id: string): void {
    if (result !== 'declined' && result !== 'blocked') return
    this.#declines ??= new Declines()
    this.#declines.add(happened, known, result, id)
  }

  /** A version of what is known of the customer. */
  addParty(facts: CustomerFacts): void {
    this.#parties ??= new Parties()
    this.#parties.add(facts)
    this.#history.relocate((time) => this.#local(time))
  }

  /** Writes the features of `entry` into `out` from `start` on. Reads only what is before it, whether or not it is kept itself. */
  fold(entry: Entry, out: Float32Array, start: number): void {
    fold(this.#history, this.#declines, this.#known(entry.time), entry, out, start)
  }

  #known(time: number): Known {
    return this.#parties === undefined ? nothingKnown : this.#parties.at(time)
  }

  #local(time: number): number {
    const hour = this.#known(time).zone.weekHour(time)
    return (isNight(hour) ? factBits.night : 0) | (isWeekend(hour) ? factBits.weekend : 0)
  }
}
