/**
 * Chooses how to train, on folds that end 14 days before the judged ones: from the choices there are, one after the other is changed, and
 * kept where it ranks better. The number of members is not searched: more are better, and dearer.
 */
import type { Dataset } from '../data/dataset.ts'
import { configOf, type TrainConfig } from '../training/config.ts'
import { type Figures, runSetting } from './run.ts'

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
const worth = ({ auc, ap }: Figures): number => auc.mean + ap.mean

const differs = (a: TrainConfig, b: TrainConfig): boolean => JSON.stringify(a) !== JSON.stringify(b)

/** The best configuration found, with its figures on the earlier folds. */
export async function search(
  data: Dataset,
  trainDays: number,
  from: TrainConfig,
  report: (line: string) => void,
): Promise<{ config: TrainConfig; figures: Figures }> {
  const quiet = () => undefined
  const tried = (config: TrainConfig) => runSetting(data, trainDays, { ...config, members: 1 }, earlier, quiet)
  let best = { config: from, figures: await tried(from) }
  const say = (what: string, { auc, ap, cp100 }: Figures) => report(`${what}: AUC ${auc.mean}, AP ${ap.mean}, CP@100 ${cp100.mean}`)
  say('as it is', best.figures)
  for (const alternatives of choices) {
    const base = best.config
    for (const change of alternatives) {
      const config = configOf({ ...base, ...change, knots: { ...base.knots, ...change.knots } })
      if (!differs(config, base)) continue
      const figures = await tried(config)
      const better = worth(figures) > worth(best.figures)
      say(`${JSON.stringify(change)}${better ? ' (better)' : ''}`, figures)
      if (better) best = { config, figures }
    }
  }
  return best
}
