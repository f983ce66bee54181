/** Whether scores kept what they promised: of rows whose outcome is known, the mean score beside the share of frauds. */
import { Grow } from '../columns/grow.ts'
import type { Span } from '../data/decided-pages.ts'
import { type Bin, calibrationError, reliability } from '../evaluation/metrics.ts'
import { rank } from '../evaluation/ranked.ts'

export type Calibration = {
  /** When the transactions happened. */
  from: string
  to: string
  rows: number
  frauds: number
  /** Rows that another model decided, whose scores were computed. */
  rescored: number
  meanScore: number
  fraudShare: number
  /** Expected calibration error. */
  ece: number
  /** Bins of equal weight, from the highest scores to the lowest. */
  bins: Bin[]
}

/** Rows whose outcome is known, one after the other. */
export class Outcomes {
  readonly #scores = new Grow((n) => new Float64Array(n))
  readonly #labels = new Grow((n) => new Uint8Array(n))
  readonly #weights = new Grow((n) => new Float32Array(n))
  #frauds = 0

  add(score: number, isFraud: boolean, weight = 1): void {
    this.#scores.push(score)
    this.#labels.push(isFraud ? 1 : 0)
    this.#weights.push(weight)
    if (isFraud) this.#frauds++
  }

  /** Undefined where there is no row. */
  calibration({ from, to }: Span, rescored = 0): Calibration | undefined {
    const rows = this.#scores.length
    if (rows === 0) return undefined
    const all = rank(this.#scores.values, this.#labels.values, this.#weights.values)
    const sum = all.scores.reduce((total, score, level) => total + score * all.weights[level], 0)
    return {
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      rows,
      frauds: this.#frauds,
      rescored,
      meanScore: sum / all.weight,
      fraudShare: all.fraud / all.weight,
      ece: calibrationError(all),
      bins: reliability(all),
    }
  }
}
