/**
 * What an entity's amounts usually are: those of its earlier transactions in (t - w, t], sorted. Rows come in order of time; each is taken
 * in when the next of its entity comes, so that none is among its own.
 */
import { large } from '../fold/features.ts'
import { placeIn } from '../sorted.ts'
import type { Columns, TextColumn } from './columns.ts'

type Own = { rows: number[]; oldest: number; sorted: number[]; lastLarge: number }

export class Amounts {
  readonly #times: Float64Array
  readonly #amounts: Float64Array
  readonly #codes: Int32Array
  readonly #window: number
  readonly #owns: Own[]

  /** `window` is milliseconds. */
  constructor({ times, amounts }: Columns, { codes, values }: TextColumn, window: number) {
    this.#times = times
    this.#amounts = amounts
    this.#codes = codes
    this.#window = window
    this.#owns = values.map(() => ({ rows: [], oldest: 0, sorted: [], lastLarge: Number.NEGATIVE_INFINITY }))
  }

  /** Moves the window of a row's entity to its time, and takes the row before in. Returns the entity; -1 for a row without one. */
  take(row: number): number {
    const entity = this.#codes[row]
    if (entity < 0) return -1
    const own = this.#owns[entity]
    const { rows, sorted } = own
    const before = rows.at(-1)
    if (before !== undefined) {
      if (this.overQuantile(entity, before, 0.5) > large.times) own.lastLarge = this.#times[before]
      const amount = this.#amounts[before]
      sorted.splice(placeIn(sorted, amount), 0, amount)
    }
    rows.push(row)
    const from = this.#times[row] - this.#window
    while (this.#times[rows[own.oldest]] <= from) sorted.splice(placeIn(sorted, this.#amounts[rows[own.oldest++]]), 1)
    // What is out of the window goes in pieces: each time would move all the others.
    if (own.oldest > 256) {
      rows.splice(0, own.oldest)
      own.oldest = 0
    }
    return entity
  }

  /** The amount of a row that was taken last over the amount below which `share` of the earlier ones lie, the greatest at most; 1 where there is none, or no entity. */
  overQuantile(entity: number, row: number, share: number): number {
    if (entity < 0 || this.#owns[entity].sorted.length === 0) return 1
    const { sorted } = this.#owns[entity]
    return this.#amounts[row] / Math.max(1, sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))])
  }

  /** Milliseconds since the last earlier amount that was large; the window where there is none, or no entity. */
  sinceLarge(entity: number, row: number): number {
    return entity < 0 ? this.#window : Math.min(this.#window, this.#times[row] - this.#owns[entity].lastLarge)
  }
}
