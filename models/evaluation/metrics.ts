/** How good scores are: ranking (AUC, average precision), calibration, and what an alert budget catches. Without both classes: NaN. */
import type { Figures } from '../artefact.ts'
import { type Numbers, type Ranked, rank, type Scores } from './ranked.ts'

/** Sums of weights drift by rounding; a limit is reached when it is missed by no more than that. */
const slack = 1e-9

/** Area under the ROC curve; ties count half (Mann and Whitney). */
export function auc({ weights, frauds, weight, fraud }: Ranked): number {
  let above = 0
  let area = 0
  for (let level = 0; level < weights.length; level++) {
    area += (weights[level] - frauds[level]) * (above + frauds[level] / 2)
    above += frauds[level]
  }
  return fraud === 0 || fraud === weight ? Number.NaN : area / fraud / (weight - fraud)
}

/** Average precision: the precision at each score, weighted by the share of the frauds that has it. */
export function averagePrecision({ weights, frauds, fraud }: Ranked): number {
  let seen = 0
  let found = 0
  let sum = 0
  for (let level = 0; level < weights.length; level++) {
    seen += weights[level]
    found += frauds[level]
    if (frauds[level] > 0) sum += (frauds[level] * found) / seen
  }
  return fraud === 0 ? Number.NaN : sum / fraud
}

/** What scores promised and what came out, of one bin. */
export type Bin = { weight: number; meanScore: number; fraudShare: number; lowest: number; highest: number }

/** Bins of equal weight, from the highest scores to the lowest. A score on the edge of two counts in both, by its shares. */
export function reliability({ scores, weights, frauds, weight }: Ranked, count = 15): Bin[] {
  const bins = Array.from({ length: count }, () => ({ weight: 0, score: 0, fraud: 0, lowest: Number.NaN, highest: Number.NaN }))
  const size = weight / count
  let b = 0
  let seen = 0
  for (let level = 0; level < scores.length; level++) {
    for (let left = weights[level]; left > 0; ) {
      const bin = bins[b]
      const room = b === count - 1 ? left : (b + 1) * size - seen
      const part = Math.min(left, room)
      bin.weight += part
      bin.score += part * scores[level]
      bin.fraud += (part / weights[level]) * frauds[level]
      bin.lowest = scores[level]
      if (Number.isNaN(bin.highest)) bin.highest = scores[level]
      left -= part
      seen += part
      if (part === room && b < count - 1) seen = ++b * size
    }
  }
  return bins
    .filter((bin) => bin.weight > 0)
    .map((bin) => ({
      weight: bin.weight,
      meanScore: bin.score / bin.weight,
      fraudShare: bin.fraud / bin.weight,
      lowest: bin.lowest,
      highest: bin.highest,
    }))
}

/** Expected calibration error over bins of equal weight. */
export function calibrationError(all: Ranked, bins = 15): number {
  const error = reliability(all, bins).reduce((sum, bin) => sum + bin.weight * Math.abs(bin.meanScore - bin.fraudShare), 0)
  return all.weight === 0 ? Number.NaN : error / all.weight
}

/** The mean score over the share of frauds: above 1 the model promises more frauds than there are. */
export function meanOverBase({ scores, weights, fraud }: Ranked): number {
  const sum = scores.reduce((total, score, level) => total + score * weights[level], 0)
  return fraud === 0 ? Number.NaN : sum / fraud
}

/** Share of the frauds among the highest scores, when this share of transactions can be looked at; ties at the edge count by their share. */
export function recallAt({ weights, frauds, weight, fraud }: Ranked, budget: number): number {
  let left = weight * budget
  let found = 0
  for (let level = 0; level < weights.length && left > 0; level++) {
    if (weights[level] > 0) found += frauds[level] * Math.min(1, left / weights[level])
    left -= weights[level]
  }
  return fraud === 0 ? Number.NaN : found / fraud
}

/** Share of the frauds that is found while no more than this share of the genuine is disturbed (a point of the ROC curve). */
export function recallAtFalsePositives({ weights, frauds, weight, fraud }: Ranked, rate: number): number {
  const genuine = weight - fraud
  let left = genuine * rate
  let found = 0
  for (let level = 0; level < weights.length; level++) {
    const others = weights[level] - frauds[level]
    if (others > left + slack * genuine) {
      found += frauds[level] * Math.max(0, left / others)
      break
    }
    found += frauds[level]
    left -= others
  }
  return fraud === 0 || genuine === 0 ? Number.NaN : found / fraud
}

const rounded = (x: number) => Math.round(x * 1e4) / 1e4

/**
 * The figures of a model's manifest; the alert budget is one transaction in 200. Rows count by their weights, 1 unless given; `rows` and
 * `frauds` are how many there are. Throws `score_not_finite`, `label_not_known`.
 */
export function figuresOf(scores: Scores, truth: Uint8Array, weights?: Numbers): Figures {
  const all = rank(scores, truth, weights)
  return {
    rows: truth.length,
    frauds: truth.reduce((sum, label) => sum + label, 0),
    auc: rounded(auc(all)),
    ap: rounded(averagePrecision(all)),
    ece: rounded(calibrationError(all)),
    meanOverBase: rounded(meanOverBase(all)),
    recallAtBudget: rounded(recallAt(all, 0.005)),
  }
}
