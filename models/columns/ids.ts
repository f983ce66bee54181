import { Grow } from './grow.ts'

/** Ids differ from row to row: the bytes of the cells, or the whole ids, lie one after the other. */
export class Ids {
  #bytes = Buffer.alloc(65_536)
  #length = 0
  readonly #ends = new Grow((n) => new Float64Array(n))

  /** Whether it has no other characters than printable ones without blanks; others are not taken. */
  push(bytes: Uint8Array, start: number, end: number): boolean {
    if (end <= start || end - start > 64) return false
    if (this.#length + 64 > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], 2 * this.#bytes.length)
    const kept = this.#bytes
    let to = this.#length
    for (let i = start; i < end; i++) {
      const c = bytes[i]
      if (c < 33 || c > 126) return false
      kept[to++] = c
    }
    this.#length = to
    this.#ends.push(to)
    return true
  }

  reader(): (row: number) => string {
    const bytes = this.#bytes
    const ends = this.#ends.values
    return (row) => bytes.toString('latin1', row === 0 ? 0 : ends[row - 1], ends[row])
  }
}
