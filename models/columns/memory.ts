/** Values by the bytes that they were read from, so that what repeats in a column is read once. */
import type { Cells } from './csv.ts'

export class Memory<T> {
  #table = new Int32Array(1024)
  #values: T[] = []
  /** The bytes of each entry lie one after the other. */
  #bytes = Buffer.alloc(8192)
  #ends = [0]
  readonly #most: number

  /** Forgets everything when it holds `most` values. */
  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most
  }

  /** The value of a cell; `read` makes it for bytes that were not met before. */
  valueOf(cells: Cells, place: number, read: (line: number) => T, line: number): T {
    const { bytes } = cells
    const start = cells.starts[place]
    const end = cells.ends[place]
    const mask = this.#table.length - 1
    let slot = hash(bytes, start, end) & mask
    for (let entry = this.#table[slot]; entry > 0; entry = this.#table[slot]) {
      if (this.#is(entry, bytes, start, end)) return this.#values[entry - 1]
      slot = (slot + 1) & mask
    }
    const value = read(line)
    this.#add(slot, value, bytes.subarray(start, end))
    return value
  }

  #is(entry: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#ends[entry - 1]
    if (this.#ends[entry] - from !== end - start) return false
    for (let i = start, j = from; i < end; i++, j++) if (bytes[i] !== this.#bytes[j]) return false
    return true
  }

  #add(slot: number, value: T, key: Uint8Array): void {
    if (this.#values.length >= this.#most) {
      this.#table.fill(0)
      this.#values = []
      this.#ends = [0]
    }
    const from = this.#ends[this.#values.length]
    if (from + key.length > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], 2 * (from + key.length))
    this.#bytes.set(key, from)
    this.#table[slot] = this.#values.push(value)
    this.#ends.push(from + key.length)
    if (2 * this.#values.length > this.#table.length) this.#grow()
  }

  #grow(): void {
    this.#table = new Int32Array(4 * this.#table.length)
    const mask = this.#table.length - 1
    for (let entry = 1; entry <= this.#values.length; entry++) {
      let slot = hash(this.#bytes, this.#ends[entry - 1], this.#ends[entry]) & mask
      while (this.#table[slot] > 0) slot = (slot + 1) & mask
      this.#table[slot] = entry
    }
  }
}

/** 32-bit FNV-1a, mixed so that its lower bits can be used alone. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let h = 0x811c9dc5
  for (let i = start; i < end; i++) h = Math.imul(h ^ bytes[i], 0x01000193)
  return h ^ (h >>> 15)
}
