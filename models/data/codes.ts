/** Texts as numbers, a row at a time. */
import { Grow } from '../columns/grow.ts'
import type { Segment } from './dataset.ts'

export class Codes {
  readonly values: string[] = []
  readonly #known = new Map<string, number>()
  readonly #codes = new Grow((n) => new Int32Array(n))

  push(value: string | undefined): void {
    let code = value === undefined ? -1 : this.#known.get(value)
    if (code === undefined) {
      code = this.values.push(value as string) - 1
      this.#known.set(value as string, code)
    }
    this.#codes.push(code)
  }

  /** As they came; -1 for none. */
  get codes(): Int32Array {
    return this.#codes.values
  }

  codesIn(order: Uint32Array): Int32Array {
    const { codes } = this
    return Int32Array.from(order, (row) => codes[row])
  }

  /** In the order of `order`, or as they came. */
  segment(name: string, order?: Uint32Array): Segment {
    return { name, values: this.values, codes: order ? this.codesIn(order) : this.codes }
  }
}
