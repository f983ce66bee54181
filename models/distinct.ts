/** Counting different values of small whole numbers again and again without clearing anything in between. */

/** Values below `size`, each at its own place. */
export class Distinct {
  readonly #stamps: Uint32Array
  #stamp = 0

  constructor(size: number) {
    this.#stamps = new Uint32Array(size)
  }

  /** Forgets all that was met. */
  start(): void {
    this.#stamp = (this.#stamp + 1) >>> 0
    if (this.#stamp !== 0) return
    this.#stamps.fill(0)
    this.#stamp = 1
  }

  /** 1 when the value was not met since the start, else 0. */
  add(value: number): number {
    if (this.#stamps[value] === this.#stamp) return 0
    this.#stamps[value] = this.#stamp
    return 1
  }
}
