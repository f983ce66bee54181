/**
 * Counts, amounts and frauds of each entity in windows that end `delay` before the row: (t - delay - w, t - delay]. Rows come in order of
 * time. Each entity's rows are a chain through the columns, and each window keeps the place where it begins in it, so that a row is
 * passed twice by each window, however long. Amounts are whole minor units: what is added and taken away again leaves nothing behind.
 */
import type { Columns, TextColumn } from './columns.ts'

export class Windows {
  readonly #times: Float64Array
  readonly #amounts: Float64Array
  readonly #frauds: Uint8Array
  readonly #codes: Int32Array
  readonly #windows: Float64Array
  readonly #delay: number
  /** The next row of the same entity; -1 where there is none yet. */
  readonly #next: Int32Array
  /** For each entity its last row, and the first one that is not old enough yet. */
  readonly #last: Int32Array
  readonly #waiting: Int32Array
  /** For each entity and window the first row within, and what is within. */
  readonly #first: Int32Array
  /** Likewise the first fraud within; -1 where there is none. */
  readonly #firstFraud: Int32Array
  /** For each entity its last fraud and how many genuine rows it had up to now, and for each fraud how many it had by then. */
  readonly #lastFraud: Int32Array
  readonly #genuine: Int32Array
  readonly #genuineBy = new Map<number, number>()
  /** For each entity its last genuine row, and the frauds after it: how many, the first of them, and the least of their ratios. */
  readonly #lastGenuine: Int32Array
  readonly #run: Int32Array
  readonly #runBegan: Int32Array
  readonly #runLeast: Float32Array
  readonly #ratios: Float32Array
  /** The time of the row that was taken last. */
  #now = 0
  readonly counts: Int32Array
  readonly frauds: Int32Array
  readonly sums: Float64Array

  /** `windows` and `delay` are milliseconds; `ratios`, what each row's amount is to a usual one, is filled as rows are taken, or empty where nobody asks for `runLeast`. */
  constructor(columns: Columns, { codes, values }: TextColumn, windows: readonly number[], delay: number, ratios: Float32Array) {
    this.#times = columns.times
    this.#amounts = columns.amounts
    this.#frauds = columns.frauds
    this.#codes = codes
    this.#windows = Float64Array.from(windows)
    this.#delay = delay
    this.#next = new Int32Array(columns.rows).fill(-1)
    this.#last = new Int32Array(values.length).fill(-1)
    this.#waiting = new Int32Array(values.length).fill(-1)
    this.#lastFraud = new Int32Array(values.length).fill(-1)
    this.#genuine = new Int32Array(values.length)
    this.#lastGenuine = new Int32Array(values.length).fill(-1)
    this.#run = new Int32Array(values.length)
    this.#runBegan = new Int32Array(values.length)
    this.#runLeast = new Float32Array(values.length)
    this.#ratios = ratios
    const places = values.length * windows.length
    this.#first = new Int32Array(places).fill(-1)
    this.#firstFraud = new Int32Array(places).fill(-1)
    this.counts = new Int32Array(places)
    this.frauds = new Int32Array(places)
    this.sums = new Float64Array(places)
  }

  /**
   * Takes the next row in and moves the windows of its entity to its time. Returns where they begin in `counts`, `frauds` and `sums`, one
   * after the other; -1 for a row without such an entity.
   */
  take(row: number): number {
    const entity = this.#codes[row]
    if (entity < 0) return -1
    const last = this.#last[entity]
    if (last >= 0) this.#next[last] = row
    this.#last[entity] = row
    if (this.#waiting[entity] < 0) this.#waiting[entity] = row
    this.#now = this.#times[row]
    const until = this.#now - this.#delay
    const start = entity * this.#windows.length
    this.#enter(entity, start, until)
    this.#leave(start, until)
    return start
  }

  #enter(entity: number, start: number, until: number): void {
    let row = this.#waiting[entity]
    while (row >= 0 && this.#times[row] <= until) {
      const fraud = this.#frauds[row] === 1
      if (fraud) {
        this.#lastFraud[entity] = row
        this.#genuineBy.set(row, this.#genuine[entity])
        const first = this.#run[entity]++ === 0
        if (first) this.#runBegan[entity] = row
        this.#runLeast[entity] = Math.min(this.#ratios[row], first ? Number.POSITIVE_INFINITY : this.#runLeast[entity])
      } else {
        this.#genuine[entity]++
        this.#lastGenuine[entity] = row
        this.#run[entity] = 0
      }
      for (let at = start; at < start + this.#windows.length; at++) {
        if (this.#first[at] < 0) this.#first[at] = row
        this.counts[at]++
        this.sums[at] += this.#amounts[row]
        this.frauds[at] += this.#frauds[row]
        if (fraud && this.#firstFraud[at] < 0) this.#firstFraud[at] = row
      }
      row = this.#next[row]
    }
    this.#waiting[entity] = row
  }

  #leave(start: number, until: number): void {
    for (let w = 0; w < this.#windows.length; w++) {
      const at = start + w
      const from = until - this.#windows[w]
      let row = this.#first[at]
      while (row >= 0 && this.#times[row] <= from) {
        this.counts[at]--
        this.sums[at] -= this.#amounts[row]
        this.frauds[at] -= this.#frauds[row]
        row = this.#next[row]
      }
      this.#first[at] = row
      let fraud = this.#firstFraud[at]
      if (fraud < 0 || this.#times[fraud] > from) continue
      if (this.frauds[at] > 0) for (fraud = row; this.#frauds[fraud] !== 1; ) fraud = this.#next[fraud]
      this.#firstFraud[at] = this.frauds[at] > 0 ? fraud : -1
    }
  }

  /** Milliseconds since the first and the last fraud of a window that holds one. */
  sinceFirstFraud(at: number): number {
    return this.#now - this.#times[this.#firstFraud[at]]
  }
  sinceLastFraud(at: number): number {
    return this.#now - this.#times[this.#lastFraud[this.#entityAt(at)]]
  }

  /** Genuine rows since the first fraud of a window that holds one. */
  genuineSince(at: number): number {
    return this.#genuine[this.#entityAt(at)] - (this.#genuineBy.get(this.#firstFraud[at]) as number)
  }

  /** Frauds of a window that no genuine row followed. */
  run(at: number): number {
    return Math.min(this.frauds[at], this.#run[this.#entityAt(at)])
  }

  /** Milliseconds since the first of them, where there are any. */
  sinceRunBegan(at: number): number {
    return this.#now - this.#times[Math.max(this.#firstFraud[at], this.#runBegan[this.#entityAt(at)])]
  }

  /** The least ratio of the frauds that no genuine row followed, where there are any. */
  runLeast(at: number): number {
    return this.#runLeast[this.#entityAt(at)]
  }

  /** Milliseconds since the last genuine row that is old enough, however long ago; infinite where there is none. */
  sinceLastGenuine(at: number): number {
    const row = this.#lastGenuine[this.#entityAt(at)]
    return row < 0 ? Number.POSITIVE_INFINITY : this.#now - this.#times[row]
  }

  #entityAt(at: number): number {
    return Math.floor(at / this.#windows.length)
  }
}
