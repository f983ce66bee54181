/** `npm run model -- train`: makes a model from simulated data, with its manifest and its card. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { simulate } from '../infra/simulator/simulate.ts'
import { messageOf } from '../services/shared/errors.ts'
import { saveModel } from './artefact.ts'
import { loadBackend } from './backend.ts'
import { installBackend } from './backend-install.ts'
import { cardOf } from './card.ts'
import { foldStream } from './data/from-simulator.ts'
import { featureNames, featureSetHash } from './fold/features.ts'
import { train } from './training/train.ts'

type Options = {
  out: string
  name: string
  seed: number
  transactions: number
  customers: number
  days: number
  hidden: number[]
  epochs: number
  batch: number
  rate: number
  backend: 'auto' | 'node' | 'wasm'
  json?: boolean
}

const number = (text: string) => {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`'${text}' is not a positive number`)
  return value
}
const report = (line: string) => process.stderr.write(`${line}\n`)

const program = new Command('npm run model --').description('Trains the models that score.')
program
  .command('train')
  .description('train a network on simulated transactions, beside a logistic regression, and write it with its manifest and card')
  .option('--out <folder>', 'where the model goes', 'models/default')
  .option('--name <name>', 'its name', 'default')
  .option('--seed <number>', 'seed of the simulated bank and of the training; take one that nobody plays', number, 9001)
  .option('--transactions <number>', 'how many', number, 600_000)
  .option('--customers <number>', 'how many customers the bank has', number, 11_000)
  .option('--days <number>', 'days over which they are spread', number, 50)
  .option('--hidden <sizes>', 'sizes of the hidden layers', (text: string) => text.split(',').map(number), [48, 24])
  .option('--epochs <number>', 'at most so many', number, 14)
  .option('--batch <number>', 'rows in a step', number, 512)
  .option('--rate <number>', 'learning rate at the beginning', number, 0.002)
  .option('--backend <name>', 'auto, node or wasm', 'auto')
  .option('--json', 'print the manifest as JSON on the last line')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run model -- train\n  npm run model -- train --out /tmp/mine --name mine --transactions 100000 --customers 2000',
  )
  .action(async (options: Options) => {
    // Training is what the native backend is for; it is built once where npm could not install it.
    if (options.backend !== 'wasm') await installBackend(report).catch((error: unknown) => report(messageOf(error)))
    const backend = await loadBackend(options.backend, report)
    const began = Date.now()
    const { seed, transactions, customers, days } = options
    const start = Date.UTC(2025, 0, 6)
    const data = foldStream(
      simulate({ seed, tenant: 'training', transactions, customers, days, start, resends: 0 }),
      transactions,
      (rows) => report(`folded ${rows} of ${transactions}`),
    )
    const { model, figures, periods } = train(data, { ...options, report })
    const manifest = await saveModel(options.out, model, {
      name: options.name,
      createdAt: new Date().toISOString(),
      features: [...featureNames],
      featureSet: featureSetHash,
      hidden: options.hidden,
      seed,
      backend,
      data: { source: 'infra/simulator', seed, transactions, customers, days, ...periods },
      figures,
    })
    writeFileSync(join(options.out, 'MODEL_CARD.md'), cardOf(manifest))
    const { network, logisticRegression } = figures
    report(
      `network: AUC ${network.auc}, AP ${network.ap}, ECE ${network.ece}; logistic regression: AUC ${logisticRegression.auc}, AP ${logisticRegression.ap}`,
    )
    report(`written to ${options.out} after ${Math.round((Date.now() - began) / 1000)} s`)
    if (options.json) process.stdout.write(`${JSON.stringify(manifest)}\n`)
  })

await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`model: ${messageOf(error)}\n`)
  process.exitCode = 1
})
