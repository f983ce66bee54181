/** What the figures of a model are called, what they mean, and which way is better. */
import type { Comparison } from '../../../models/api.ts'

export type FigureName = keyof Comparison['differences']

type Told = {
  name: string
  meaning: string
  /** How far a value is from the best: the smaller the better. */
  worse: (value: number) => number
  /** A difference that fills the whole bar. */
  scale: number
}

export const figureNames: Record<FigureName, Told> = {
  auc: {
    name: 'AUC',
    meaning: 'Chance that a fraud has a higher score than a genuine transaction',
    worse: (value) => 1 - value,
    scale: 0.02,
  },
  ap: {
    name: 'Average precision',
    meaning: 'Precision over all shares of the frauds found; chance is the base rate',
    worse: (value) => 1 - value,
    scale: 0.1,
  },
  recallAtBudget: {
    name: 'Recall at 1 alert in 200',
    meaning: 'Share of the frauds found by looking at the highest 0.5 % of the scores',
    worse: (value) => 1 - value,
    scale: 0.1,
  },
  ece: {
    name: 'Calibration error',
    meaning: 'How far scores are from the shares of frauds at them, on average; 0 is best',
    worse: (value) => value,
    scale: 0.002,
  },
  meanOverBase: {
    name: 'Mean score over base rate',
    meaning: 'How much fraud it expects over how much there was; 1 is best',
    worse: (value) => Math.abs(1 - value),
    scale: 0.2,
  },
}

/** Four places. */
export const figure = (value: number): string => value.toFixed(4)
export const signed = (value: number): string => (value === 0 ? '0' : `${value > 0 ? '+' : '−'}${figure(Math.abs(value))}`)
