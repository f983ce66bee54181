/** `npm run model -- handbook`: the product's features, training and evaluation on data that others made and judged. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { readMap } from '../../infra/replay.ts'
import { AssayError } from '../../services/shared/errors.ts'
import { datasetOfFile } from '../data/from-columns.ts'
import { type Figures, figuresOf, runFolds } from '../handbook/run.ts'
import { search } from '../handbook/search.ts'
import { profileOf, readSettings, type Settings, settingsBytes, writeSettings } from '../handbook/settings.ts'
import { trainingBackend } from './train.ts'

type Options = { data: string; setting?: keyof Settings; search?: boolean; backend: 'auto' | 'node' | 'wasm'; json?: boolean }

const report = (line: string) => process.stderr.write(`${line}\n`)

async function handbook(options: Options): Promise<void> {
  const file = `${options.data}/transactions.csv.gz`
  if (!existsSync(file)) throw new AssayError('data_missing', `There is no ${file}: name the folder that has it by --data`)
  const began = Date.now()
  await trainingBackend(options.backend)
  const settings = readSettings()
  const map = readMap('infra/replay/maps/handbook.json')
  const figures: Partial<Record<keyof Settings, Figures>> = {}
  for (const name of Object.keys(settings) as (keyof Settings)[]) {
    if (options.setting && options.setting !== name) continue
    const { trainDays, training } = settings[name]
    const say = (line: string) => report(`${name}: ${line}`)
    const data = await datasetOfFile(file, map, profileOf(settings[name]), say)
    if (options.search) {
      const found = await search(data, trainDays, training, say)
      settings[name].training = found.config
      figures[name] = found.figures
      writeSettings(settings)
    } else figures[name] = figuresOf(await runFolds(data, trainDays, training, 0, say))
    data.matrix.close()
  }
  for (const [name, f] of Object.entries(figures))
    report(
      `${name}: AUC ${f.auc.mean}, AP ${f.ap.mean}, CP@100 ${f.cp100.mean}, ECE ${f.ece.mean}, mean score over base rate ${f.ratio.mean}`,
    )
  const configSha = createHash('sha256').update(settingsBytes()).digest('hex')
  const seconds = Math.round((Date.now() - began) / 1000)
  if (options.json) process.stdout.write(`${JSON.stringify({ settings: figures, configSha, seconds })}\n`)
}

export const addHandbook = (program: Command): Command =>
  program
    .command('handbook')
    .description('train and judge on the card transactions of the Reproducible Machine Learning handbook, by its own protocol')
    .option('--data <folder>', 'with transactions.csv.gz', '../shared/data/handbook')
    .option('--setting <name>', 'only this one: handbook15_7d or own_56d')
    .option('--search', 'choose how to train, on folds that end 14 days earlier, and write it to models/handbook/config.json')
    .option('--backend <name>', 'auto, node or wasm', 'auto')
    .option('--json', 'print the figures as JSON on the last line')
    .addHelpText('after', '\nExamples:\n  npm run model -- handbook --json\n  npm run model -- handbook --setting own_56d --search')
    .action(handbook)
