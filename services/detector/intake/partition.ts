/** One owned partition: what of it waits, what is expected next, and who may move its progress. */
import type { KafkaMessage } from 'kafkajs'
import type { Input, Raw } from '../batch.ts'

export type Place = { tenant: string; topic: Input; topicName: string; partition: number }

/** Bytes of a record's key and value. */
export const bytesOf = (raw: Pick<Raw, 'key' | 'value'>): number => (raw.key?.length ?? 0) + (raw.value?.length ?? 0)

export class Partition {
  readonly place: Place
  readonly #queue: Raw[] = []
  #head = 0
  #bytes = 0
  #sought = -1
  epoch = 0
  log = 0
  /** Offset that the next accepted record must not be before. */
  expected = 0
  /** First offset that has not been decided; what lies before it is read back. */
  next = 0
  /** Where progress will stand when all that was taken has been recorded. */
  chain = 0
  /** First offset whose messages may not have been published. */
  publishFrom = 0
  /** Hash of the record before `next`, as it was when it was decided. */
  lastRecord: Buffer | null = null
  /** Set when nothing more may be taken from it, with the reason. */
  problem: string | undefined
  /** Set when another detector owns it, or it was handed back. */
  lost = false
  /** Why the last attempt to claim it failed. */
  hindrance: string | undefined
  /** Set when the claim has succeeded, or is not wanted any more. */
  claimed = false
  /** Has it fetched again; set while it is not, for want of room. */
  resume: (() => void) | undefined

  constructor(place: Place) {
    this.place = place
  }

  get waiting(): number {
    return this.#queue.length - this.#head
  }

  /** Bytes of what waits. */
  get bytes(): number {
    return this.#bytes
  }

  /** The record that would be taken next. */
  peek(): Raw | undefined {
    return this.#queue[this.#head]
  }

  /**
   * Takes in what was fetched from `fetchedOffset` on. Returns the offset to fetch from instead when the fetch began after the record
   * that is expected: a fetch of before a rebalance, which would leave a hole. Holes in a fetch that began early enough, or that is no
   * other when it is asked for again, are Kafka's own (markers of transactions) and are passed over.
   */
  accept(fetchedOffset: number, lastOffset: number, messages: readonly KafkaMessage[]): number | undefined {
    if (fetchedOffset > this.expected && this.#sought !== this.expected) {
      this.#sought = this.expected
      return this.expected
    }
    for (const message of messages) {
      const offset = Number(message.offset)
      if (offset < this.expected) continue
      const raw: Raw = {
        tenant: this.place.tenant,
        topic: this.place.topic,
        partition: this.place.partition,
        log: this.log,
        offset,
        received: Number(message.timestamp),
        key: message.key,
        value: message.value,
        follows: this.expected,
      }
      this.expected = offset + 1
      this.#queue.push(raw)
      this.#bytes += bytesOf(raw)
    }
    if (lastOffset + 1 > this.expected) this.expected = lastOffset + 1
    return undefined
  }

  /** Whether a fetch that was asked to begin at the expected record begins after it all the same. */
  skips(fetchedOffset: number): boolean {
    return fetchedOffset > this.expected && this.#sought === this.expected
  }

  /** Says that the next fetch begins here. */
  sought(offset: number): void {
    this.expected = offset
    this.#sought = offset
  }

  /** At most `limit` records from the head, either all to be read back or all to be decided, and none after `mostBytes` are reached. */
  take(limit: number, mostBytes: number = Number.POSITIVE_INFINITY): Raw[] {
    const first = this.peek()
    if (!first) return []
    const past = first.offset < this.next
    let end = this.#head
    let bytes = 0
    const last = Math.min(this.#queue.length, this.#head + limit)
    while (end < last && bytes < mostBytes && this.#queue[end].offset < this.next === past) bytes += bytesOf(this.#queue[end++])
    this.#bytes -= bytes
    const taken = this.#queue.slice(this.#head, end)
    this.#head = end
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0
      this.#head = 0
    } else if (this.#head > 512) {
      this.#queue.splice(0, this.#head)
      this.#head = 0
    }
    return taken
  }

  /** Puts records that were taken back at the head, in order. */
  putBack(records: readonly Raw[]): void {
    this.#queue.splice(0, this.#head, ...records)
    this.#head = 0
    for (const raw of records) this.#bytes += bytesOf(raw)
  }

  /** Forgets all that waits. */
  clear(): void {
    this.#queue.length = 0
    this.#head = 0
    this.#bytes = 0
  }
}
