/** Values by the bytes that they were read from, so that what repeats in a column is read once. */
import type { Cells } from './csv.ts'

/** Words of a place in the table: the number of its entry, the length of its key, and the first eight bytes of it. */
const words = 4
const head = 8

export class Memory<T> {
  /** What mostly decides lies side by side: columns are looked up by the million, and each other place costs a miss of the cache. */
  #table = new Int32Array(1024 * words)
  #values: T[] = []
  /** The whole key of each entry, one after the other. */
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
    const table = this.#table
    const length = end - start
    const first = wordOf(bytes, start, end)
    const second = length > 4 ? wordOf(bytes, start + 4, end) : 0
    const mask = table.length - 1
    let at = (hash(first, second, bytes, start + head, end) * words) & mask
    for (; table[at] > 0; at = (at + words) & mask) {
      if (table[at + 1] !== length || table[at + 2] !== first || table[at + 3] !== second) continue
      if (length <= head || this.#is(table[at], bytes, start, end)) return this.#values[table[at] - 1]
    }
    const value = read(line)
    this.#add(at, value, bytes.subarray(start, end))
    return value
  }

  #is(entry: number, bytes: Uint8Array, start: number, end: number): boolean {
    for (let i = start + head, j = this.#ends[entry - 1] + head; i < end; i++, j++) if (bytes[i] !== this.#bytes[j]) return false
    return true
  }

  #add(at: number, value: T, key: Uint8Array): void {
    if (this.#values.length >= this.#most) {
      this.#table.fill(0)
      this.#values = []
      this.#ends = [0]
    }
    const from = this.#ends[this.#values.length]
    if (from + key.length > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], 2 * (from + key.length))
    this.#bytes.set(key, from)
    this.#ends.push(from + key.length)
    this.#place(at, this.#values.push(value))
    if (2 * words * this.#values.length > this.#table.length) this.#grow()
  }

  #place(at: number, entry: number): void {
    const start = this.#ends[entry - 1]
    const end = this.#ends[entry]
    this.#table[at] = entry
    this.#table[at + 1] = end - start
    this.#table[at + 2] = wordOf(this.#bytes, start, end)
    this.#table[at + 3] = wordOf(this.#bytes, start + 4, end)
  }

  #grow(): void {
    this.#table = new Int32Array(4 * this.#table.length)
    const mask = this.#table.length - 1
    for (let entry = 1; entry <= this.#values.length; entry++) {
      const start = this.#ends[entry - 1]
      const end = this.#ends[entry]
      let at = (hash(wordOf(this.#bytes, start, end), wordOf(this.#bytes, start + 4, end), this.#bytes, start + head, end) * words) & mask
      while (this.#table[at] > 0) at = (at + words) & mask
      this.#place(at, entry)
    }
  }
}

/** Up to four bytes from `start` on. */
function wordOf(bytes: Uint8Array, start: number, end: number): number {
  let word = 0
  for (let i = start, to = Math.min(end, start + 4); i < to; i++) word = (word << 8) | bytes[i]
  return word
}

/** 32-bit FNV-1a of two words and the bytes behind them, mixed so that its lower bits can be used alone. */
function hash(first: number, second: number, bytes: Uint8Array, start: number, end: number): number {
  let h = Math.imul(first ^ 0x811c9dc5, 0x01000193)
  h = Math.imul(h ^ (h >>> 15) ^ second, 0x85ebca6b)
  for (let i = start; i < end; i++) h = Math.imul(h ^ bytes[i], 0x01000193)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
