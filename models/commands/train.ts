/** `npm run model -- train`: makes a model, with its manifest and its card. */
import { userInfo } from 'node:os'
import type { Command } from 'commander'
import { messageOf } from '../../services/shared/errors.ts'
import { defaultSettings } from '../../services/shared/tidb/settings.ts'
import { saveModel, writeManifest } from '../artefact.ts'
import { loadBackend } from '../backend.ts'
import { installBackend } from '../backend-install.ts'
import { writeCard } from '../card.ts'
import type { Dataset } from '../data/dataset.ts'
import { compare, judge } from '../evaluation/judge.ts'
import { outcomesOf } from '../evaluation/of-dataset.ts'
import { featureSetHash } from '../fold/features.ts'
import { loadScorer } from '../scorer.ts'
import { configOf, readConfig, type TrainConfig } from '../training/config.ts'
import { fraudsOf, type Period } from '../training/periods.ts'
import { type TrainedModel, trainModel } from '../training/train-model.ts'
import { kept, keptOf, leansOn } from './card.ts'
import { datasetFrom, positive, type SourceOptions, withSource } from './source.ts'

type Options = SourceOptions &
  Partial<Pick<TrainConfig, 'seed' | 'hidden' | 'members' | 'epochs' | 'batch' | 'rate'>> & {
    out: string
    name: string
    by: string
    config?: string
    checkpoint?: string
    trust?: string[]
    backend: 'auto' | 'node' | 'wasm'
    json?: boolean
  }

const report = (line: string) => process.stderr.write(`${line}\n`)
const sizes = (text: string) => text.split(',').filter(Boolean).map(positive)

/** The file's choices, or the defaults, with the flags over them. */
function configFrom({ config, seed, hidden, members, epochs, batch, rate }: Options): TrainConfig {
  const given = Object.fromEntries(
    Object.entries({ seed, hidden, members, epochs, batch, rate }).filter(([, value]) => value !== undefined),
  )
  return configOf({ ...(config === undefined ? {} : readConfig(config)), ...given })
}

/** What is said of the scores in the judged period, if it has both classes. */
function judgedAs(data: Dataset, test: Period, { network, logisticRegression }: TrainedModel['scores']) {
  const frauds = fraudsOf(test)
  if (frauds === 0 || frauds === test.rows.length) return undefined
  const outcomes = outcomesOf(data, test)
  return {
    judgement: keptOf(judge(network, outcomes, defaultSettings.costs)),
    difference: kept(compare(logisticRegression, network, outcomes)),
  }
}

/** TensorFlow.js with its native backend, which is built once where npm could not install it. */
export async function trainingBackend(wanted: 'auto' | 'node' | 'wasm', say = report): Promise<string> {
  if (wanted !== 'wasm') await installBackend(say).catch((error: unknown) => say(messageOf(error)))
  return loadBackend(wanted, say)
}

async function train(options: Options): Promise<void> {
  const config = configFrom(options)
  const backend = await trainingBackend(options.backend)
  const began = Date.now()
  const data = await datasetFrom(options, report)
  const { name, checkpoint, trust: trusted } = options
  const { model, manifest, periods, scores } = await trainModel(data, config, { name, backend, report, checkpoint, trusted })
  const judged = judgedAs(data, periods.test, scores)
  let saved = await saveModel(options.out, model, { ...manifest, by: options.by, ...judged })
  model.dispose()
  // What a model leans on is told of the features that serve.
  if (judged && saved.featureSet === featureSetHash) {
    const { explain, stop } = await loadScorer(options.out, { backend: options.backend, warn: report })
    saved = { ...saved, leansOn: leansOn(data, periods.test, scores.network, explain) }
    stop()
    writeManifest(options.out, saved)
  }
  data.matrix.close()
  await writeCard(options.out, saved)
  const { network, logisticRegression } = saved.figures
  report(
    `network: AUC ${network.auc}, AP ${network.ap}, ECE ${network.ece}; logistic regression: AUC ${logisticRegression.auc}, AP ${logisticRegression.ap}`,
  )
  report(`written to ${options.out} after ${Math.round((Date.now() - began) / 1000)} s`)
  if (options.json) process.stdout.write(`${JSON.stringify(saved)}\n`)
}

export const addTrain = (program: Command): Command =>
  withSource(program.command('train').description('train a network beside a logistic regression, and write it with its manifest and card'))
    .option('--out <folder>', 'where the model goes', 'models/default')
    .option('--name <name>', 'its name', 'default')
    .option('--by <person>', 'who trains it; somebody else must promote it', userInfo().username)
    .option('--config <file>', 'choices of the training as JSON; flags go before them')
    .option('--seed <number>', 'seed of the training', positive)
    .option('--hidden <sizes>', 'sizes of the hidden layers, such as 64,32', sizes)
    .option('--members <number>', 'networks whose logits are averaged', positive)
    .option('--epochs <number>', 'at most so many', positive)
    .option('--batch <number>', 'rows in a step', positive)
    .option('--rate <number>', 'learning rate at the beginning', positive)
    .option('--checkpoint <file>', 'keep the progress there; the same command goes on from it')
    .option(
      '--trust <feature>',
      'lets this feature tell fraud from genuine almost alone, which a copy of the label would; can be repeated',
      (name: string, before: string[] | undefined) => [...(before ?? []), name],
    )
    .option('--backend <name>', 'auto, node or wasm', 'auto')
    .option('--json', 'print the manifest as JSON on the last line')
    .addHelpText(
      'after',
      `
Examples:
  npm run model -- train --out /tmp/mine --name mine --transactions 200000 --customers 3000 --days 75
  npm run model -- train --out /tmp/cards --file cards.csv.gz --map cards-map.json --profile models/columns/profiles/card-payments.json
  npm run model -- train --out /tmp/bank --name bank --tenant bank-one --from 2026-01-01`,
    )
    .action(train)
