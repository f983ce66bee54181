/** A logistic regression on what a transaction says by itself: the yardstick that a simulated bank must not make perfect. */
import { euros } from '../../infra/simulator/world.ts'
import { channels, entryModes, kinds, type Transaction } from '../../services/shared/events.ts'

const codes = ['5411', '5812', '5814', '5541', '5912', '5651', '5732', '4111', '6011', '5999', '5968', '4722', '5816', '5944', '7995']
const oneOf = (list: readonly string[], value: string | undefined) => list.map((v) => (v === value ? 1 : 0))

/** Amount, hour, weekday, kind, direction, channel, entry mode, category and country, as numbers near 1. */
export function rawFields(t: Transaction): number[] {
  const time = new Date(t.time)
  const hour = (time.getUTCHours() * Math.PI) / 12
  const amount = Math.log1p((t.amount / 100) * (euros[t.currency] ?? 1)) / 4
  return [
    1,
    amount,
    amount * amount,
    Math.sin(hour),
    Math.cos(hour),
    time.getUTCDay() % 6 === 0 ? 1 : 0,
    t.direction === 'credit' ? 1 : 0,
    t.originalId ? 1 : 0,
    t.device ? 1 : 0,
    ...oneOf(kinds, t.kind),
    ...oneOf(channels, t.channel),
    ...oneOf(entryModes, t.entryMode),
    ...oneOf(codes, t.category),
    ...oneOf(['DE', 'AT', 'NL', 'FR', 'ES', 'IT', 'GB', 'CH', 'PL', 'SE', 'US', 'CZ', 'PT'], t.country),
  ]
}

type Row = { x: readonly number[]; y: number }

/** Gradient descent with AdaGrad's step, frauds weighted up to a tenth of the whole; gives the function that scores. */
export function logisticRegression(rows: readonly Row[], passes = 12): (x: readonly number[]) => number {
  const width = rows[0].x.length
  const weights = new Float64Array(width)
  const squares = new Float64Array(width).fill(1e-3)
  const frauds = rows.reduce((sum, r) => sum + r.y, 0)
  const up = rows.length / (10 * frauds)
  const score = (x: readonly number[]) => {
    let z = 0
    for (let i = 0; i < width; i++) z += weights[i] * x[i]
    return 1 / (1 + Math.exp(-z))
  }
  for (let pass = 0; pass < passes; pass++)
    for (const { x, y } of rows) {
      const slope = (score(x) - y) * (y ? up : 1)
      for (let i = 0; i < width; i++) {
        const g = slope * x[i]
        if (g === 0) continue
        squares[i] += g * g
        weights[i] -= (0.2 * g) / Math.sqrt(squares[i])
      }
    }
  return score
}

/** Area under the ROC curve: how often a fraud scores above an honest transaction, ties counted half. */
export function areaUnderCurve(rows: readonly { score: number; y: number }[]): number {
  const sorted = [...rows].sort((a, b) => a.score - b.score)
  let [ranks, frauds] = [0, 0]
  for (let i = 0; i < sorted.length; ) {
    let j = i
    while (j < sorted.length && sorted[j].score === sorted[i].score) j++
    for (let k = i; k < j; k++) if (sorted[k].y) [ranks, frauds] = [ranks + (i + j + 1) / 2, frauds + 1]
    i = j
  }
  return (ranks - (frauds * (frauds + 1)) / 2) / (frauds * (sorted.length - frauds))
}
