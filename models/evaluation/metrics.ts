/** How good scores are: ranking (AUC, average precision), calibration, and what an alert budget catches. */
import type { Figures } from '../artefact.ts'

/** Order of the rows by falling score. */
const byScore = (scores: Float32Array): Uint32Array => Uint32Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a])

/** Area under the ROC curve; ties count half (Mann and Whitney). */
export function auc(scores: Float32Array, truth: Uint8Array): number {
  const order = byScore(scores)
  let positives = 0
  let area = 0
  for (let i = 0; i < order.length; ) {
    let j = i
    let frauds = 0
    while (j < order.length && scores[order[j]] === scores[order[i]]) frauds += truth[order[j++]]
    const others = j - i - frauds
    area += others * (positives + frauds / 2)
    positives += frauds
    i = j
  }
  return positives === 0 || positives === order.length ? Number.NaN : area / positives / (order.length - positives)
}

/** Average precision: the mean of the precision at each fraud, by falling score. */
export function averagePrecision(scores: Float32Array, truth: Uint8Array): number {
  let found = 0
  let sum = 0
  byScore(scores).forEach((row, i) => {
    if (!truth[row]) return
    found++
    sum += found / (i + 1)
  })
  return found === 0 ? Number.NaN : sum / found
}

/** Expected calibration error over bins of equal frequency. */
export function calibrationError(scores: Float32Array, truth: Uint8Array, bins = 15): number {
  const order = byScore(scores)
  let error = 0
  for (let b = 0; b < bins; b++) {
    const [from, to] = [Math.floor((b * order.length) / bins), Math.floor(((b + 1) * order.length) / bins)]
    let predicted = 0
    let actual = 0
    for (let i = from; i < to; i++) {
      predicted += scores[order[i]]
      actual += truth[order[i]]
    }
    error += Math.abs(predicted - actual)
  }
  return error / order.length
}

/** Share of the frauds among the highest scores, when this share of transactions can be looked at. */
export function recallAt(scores: Float32Array, truth: Uint8Array, budget: number): number {
  const order = byScore(scores)
  const most = Math.ceil(order.length * budget)
  let found = 0
  let all = 0
  order.forEach((row, i) => {
    all += truth[row]
    if (i < most) found += truth[row]
  })
  return all === 0 ? Number.NaN : found / all
}

const rounded = (x: number) => Math.round(x * 1e4) / 1e4

/** All of them; the alert budget is one transaction in 200. */
export function figuresOf(scores: Float32Array, truth: Uint8Array): Figures {
  const frauds = truth.reduce((a: number, b) => a + b, 0)
  const mean = scores.reduce((a: number, b) => a + b, 0) / scores.length
  return {
    rows: truth.length,
    frauds,
    auc: rounded(auc(scores, truth)),
    ap: rounded(averagePrecision(scores, truth)),
    ece: rounded(calibrationError(scores, truth)),
    meanOverBase: rounded(mean / (frauds / truth.length)),
    recallAtBudget: rounded(recallAt(scores, truth, 0.005)),
  }
}
