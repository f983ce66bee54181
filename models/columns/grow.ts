/** Numbers of which nobody knows how many there will be, side by side in memory. */
type Numbers = Float64Array | Float32Array | Int32Array | Uint8Array | Uint32Array

export class Grow<T extends Numbers> {
  #make: (length: number) => T
  #data: T
  length = 0

  constructor(make: (length: number) => T) {
    this.#make = make
    this.#data = make(1024)
  }

  push(value: number): void {
    if (this.length === this.#data.length) {
      const grown = this.#make(this.length * 2)
      grown.set(this.#data)
      this.#data = grown
    }
    this.#data[this.length++] = value
  }

  /** What was pushed, without a copy. */
  get values(): T {
    return this.#data.subarray(0, this.length) as T
  }
}
