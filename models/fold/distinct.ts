/** Counting different values of small whole numbers again and again without clearing anything in between. */

const mostFew = 8

/** Values below `size`, each at its own place; the first few are looked for among themselves, which stays in the processor's cache. */
export class Distinct {
  readonly #stamps: Uint32Array
  #stamp = 1
  readonly #few = new Uint32Array(mostFew)
  #met = 0

  constructor(size: number) {
    this.#stamps = new Uint32Array(size)
  }

  /** Forgets all that was met. */
  start(): void {
    const met = this.#met
    this.#met = 0
    if (met < mostFew) return
    this.#stamp = (this.#stamp + 1) >>> 0
    if (this.#stamp !== 0) return
    this.#stamps.fill(0)
    this.#stamp = 1
  }

  /** 1 when the value was not met since the start, else 0. */
  add(value: number): number {
    for (let i = 0; i < this.#met; i++) if (this.#few[i] === value) return 0
    if (this.#met < mostFew) {
      this.#few[this.#met++] = value
      return 1
    }
    if (this.#stamps[value] === this.#stamp) return 0
    this.#stamps[value] = this.#stamp
    return 1
  }
}
