/**
 * Chooses how to train, on folds that end 14 days before the judged ones: from the choices there are, one after the other is changed, and
 * kept where it ranks better by more than chance does: by twice the standard error of the difference over the folds. One that ranks worse on
 * each of the first two folds is tried no further. The number of members is not searched: more are better, and dearer.
 */
import type { Dataset } from '../data/dataset.ts'
import { configOf, type TrainConfig } from '../training/config.ts'
import type { Judgement } from './judge.ts'
import { type Figures, figuresOf, runFolds } from './run.ts'

const earlier = 14

type Change = Partial<Omit<TrainConfig, 'knots'>> & { knots?: Partial<TrainConfig['knots']> }

/** Alternatives, those of one choice side by side. */
const choices: readonly (readonly Change[])[] = [
  [{ straight: true }],
  [{ knots: { jumps: true } }],
  [{ hidden: [] }, { hidden: [32, 16] }, { hidden: [64, 32] }],
  [{ epochs: 4 }, { epochs: 8 }, { epochs: 20 }],
  [{ knots: { leafShare: 0.0002 } }, { knots: { leafShare: 0.001 } }],
  [{ knots: { gain: 8 } }],
  [{ decay: 0 }, { decay: 0.1 }, { decay: 0.5 }],
  [{ dropout: 0 }, { dropout: 0.3 }],
]

/** What is made as great as can be: how well frauds rank, among all transactions and among those of the top. */
const worth = ({ auc, ap }: Judgement): number => auc + ap

/** The mean over the folds of what `now` is better by, and its standard error. */
function gainOf(now: readonly Judgement[], before: readonly Judgement[]): { mean: number; error: number } {
  const gains = now.map((fold, i) => worth(fold) - worth(before[i]))
  const mean = gains.reduce((a, b) => a + b, 0) / gains.length
  const variance = gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0) / (gains.length - 1)
  return { mean, error: Math.sqrt(variance / gains.length) }
}

const differs = (a: TrainConfig, b: TrainConfig): boolean => JSON.stringify(a) !== JSON.stringify(b)

/** The best configuration found, with its figures on the earlier folds. */
export async function search(
  data: Dataset,
  trainDays: number,
  from: TrainConfig,
  report: (line: string) => void,
): Promise<{ config: TrainConfig; figures: Figures }> {
  const quiet = () => undefined
  const tried = (config: TrainConfig, hopeless?: (folds: readonly Judgement[]) => boolean) =>
    runFolds(data, trainDays, { ...config, members: 1 }, earlier, quiet, hopeless)
  let best = { config: from, folds: await tried(from) }
  const say = (what: string, folds: readonly Judgement[]) => {
    const { auc, ap, cp100 } = figuresOf(folds)
    report(`${what}: AUC ${auc.mean}, AP ${ap.mean}, CP@100 ${cp100.mean}`)
  }
  say('as it is', best.folds)
  for (const alternatives of choices) {
    const base = best
    let gained = 0
    for (const change of alternatives) {
      const config = configOf({ ...base.config, ...change, knots: { ...base.config.knots, ...change.knots } })
      if (!differs(config, base.config)) continue
      const folds = await tried(config, (so) => so.length === 2 && so.every((fold, i) => worth(fold) < worth(base.folds[i])))
      const { mean, error } = gainOf(folds, base.folds)
      const better = mean > 2 * error && mean > gained
      say(
        `${JSON.stringify(change)} on ${folds.length} folds, ${mean.toFixed(5)} more, give or take ${error.toFixed(5)}${better ? ' (kept)' : ''}`,
        folds,
      )
      if (!better) continue
      best = { config, folds }
      gained = mean
    }
  }
  return { config: best.config, figures: figuresOf(best.folds) }
}
