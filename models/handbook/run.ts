/** Trains and judges a setting on the folds of the handbook. */
import type { Dataset } from '../data/dataset.ts'
import type { TrainConfig } from '../training/config.ts'
import { fitNetwork, scoresOf } from '../training/fit-network.ts'
import { type Judgement, judge } from './judge.ts'
import { handbookFolds } from './protocol.ts'

export type Mean = { mean: number; sd: number }
export type Figures = Record<'auc' | 'ap' | 'cp100' | 'ece' | 'ratio', Mean>

const names = ['auc', 'ap', 'cp100', 'ece', 'ratio'] as const
const rounded = (x: number) => Math.round(x * 1e5) / 1e5

/** The mean and the spread over the four folds. */
export function figuresOf(folds: readonly Judgement[]): Figures {
  const entries = names.map((name): [string, Mean] => {
    const values = folds.map((fold) => fold[name])
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / Math.max(1, values.length - 1)
    return [name, { mean: rounded(mean), sd: rounded(Math.sqrt(variance)) }]
  })
  return Object.fromEntries(entries) as Figures
}

/** What each of the four folds came to, or those until `enough`; `shift` days earlier, to choose by. */
export async function runFolds(
  data: Dataset,
  trainDays: number,
  config: TrainConfig,
  shift: number,
  report: (line: string) => void,
  enough: (folds: readonly Judgement[]) => boolean = () => false,
): Promise<Judgement[]> {
  const folds: Judgement[] = []
  for (const [i, fold] of handbookFolds(data, trainDays, shift).entries()) {
    const train = { matrix: data.matrix, rows: fold.train, labels: fold.labels, weights: data.weights }
    const fitted = await fitNetwork(`fold ${i + 1} of 4`, train, undefined, config, { report })
    const found = judge(data, fold, scoresOf(fitted, data.matrix, fold.test))
    report(
      `fold ${i + 1} of 4: ${found.rows} transactions, ${found.frauds} frauds, AUC ${found.auc.toFixed(4)}, AP ${found.ap.toFixed(4)}, CP@100 ${found.cp100.toFixed(4)}`,
    )
    folds.push(found)
    if (enough(folds)) break
  }
  return folds
}
