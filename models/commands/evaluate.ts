/** `npm run model -- evaluate`: how good a model is on the last part of a data set, and whether another one is better. */
import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { print } from '../../infra/local.ts'
import { table } from '../../infra/table.ts'
import { AssayError } from '../../services/shared/errors.ts'
import { defaultSettings } from '../../services/shared/tidb/settings.ts'
import type { Manifest } from '../artefact.ts'
import type { Dataset } from '../data/dataset.ts'
import type { Difference } from '../evaluation/bootstrap.ts'
import { compare, type Judgement, judge, type MetricName } from '../evaluation/judge.ts'
import { outcomesOf, scoresOf } from '../evaluation/of-dataset.ts'
import { budgetRows, figureRows, partRows, reportOf } from '../evaluation/report.ts'
import { loadScorer } from '../scorer.ts'
import { configOf } from '../training/config.ts'
import { fraudsOf, judgedPeriodOf, type Period } from '../training/periods.ts'
import { datasetFrom, type SourceOptions, withSource } from './source.ts'

type Options = SourceOptions & { model: string; against?: string; out?: string; testShare?: number; json?: boolean }

export type Evaluation = Judgement & {
  /** Of the model and of the one it is set against. */
  model: { folder: string; name: string }
  against?: { folder: string; name: string; figures: Judgement['figures'] }
  /** The model's figures less those of the other one. */
  differences?: Record<MetricName, Difference>
  data: Record<string, unknown> & { judgedFrom: string; judgedTo: string }
}

const say = (line: string) => process.stderr.write(`${line}\n`)
/** Those that a bank has unless it says otherwise. */
const { costs } = defaultSettings

export function checkFeatures({ featureSet }: Dataset, folder: string, manifest: Manifest): void {
  if (manifest.featureSet === featureSet) return
  throw new AssayError(
    'model_misfit',
    `The model in ${folder} was trained on other features than this data has: take the data with the features that serve, without a --profile`,
    { details: { model: manifest.featureSet, data: featureSet } },
  )
}

export function checkFrauds(period: Period): void {
  const frauds = fraudsOf(period)
  if (frauds > 0 && frauds < period.rows.length) return
  throw new AssayError(
    'one_class_only',
    `The judged period has ${frauds} known frauds among ${period.rows.length} transactions; both frauds and genuine ones are needed. Take a longer time`,
  )
}

/** The share that was held out when the model was trained. */
export function heldOut({ training }: Manifest): number {
  return typeof training?.testShare === 'number' ? training.testShare : configOf({}).testShare
}

/** Judges the model of a folder on the last part of the data, beside that of another folder if one is given. */
export async function evaluate(
  data: Dataset,
  { model: folder, against, testShare }: Pick<Options, 'model' | 'against' | 'testShare'>,
  report: (line: string) => void,
): Promise<Evaluation> {
  const loaded = async (from: string) => {
    const scorer = await loadScorer(from, { warn: report })
    checkFeatures(data, from, scorer.manifest)
    return scorer
  }
  const scorer = await loaded(folder)
  const other = against === undefined ? undefined : await loaded(against)
  try {
    const { test } = judgedPeriodOf(data, testShare ?? heldOut(scorer.manifest))
    checkFrauds(test)
    report(`judged by ${test.rows.length} transactions (${fraudsOf(test)} frauds)`)
    const outcomes = outcomesOf(data, test)
    const scores = scoresOf(scorer, data, test.rows)
    const judgement = judge(scores, outcomes, costs)
    const at = (row: number) => new Date(data.times[row]).toISOString()
    const evaluation: Evaluation = {
      model: { folder, name: scorer.manifest.name },
      data: { ...data.description, judgedFrom: at(test.rows[0]), judgedTo: at(test.rows[test.rows.length - 1]) },
      ...judgement,
    }
    if (!other || against === undefined) return evaluation
    const others = scoresOf(other, data, test.rows)
    const { figures } = judge(others, { ...outcomes, segments: [] }, costs)
    return {
      ...evaluation,
      against: { folder: against, name: other.manifest.name, figures },
      differences: compare(others, scores, outcomes),
    }
  } finally {
    scorer.stop()
    other?.stop()
  }
}

async function run(options: Options): Promise<void> {
  const data = await datasetFrom(options, say)
  const evaluation = await evaluate(data, options, say).finally(() => data.matrix.close())
  const { rows, frauds, baseRate } = evaluation
  print(`${evaluation.model.name}: ${rows} transactions, ${frauds} frauds, base rate ${baseRate.toPrecision(3)}\n`)
  const figures = figureRows(evaluation)
  print(table(figures[0], figures.slice(1)))
  for (const [head, ...rest] of [budgetRows(evaluation), partRows(evaluation)]) print(`\n${table(head, rest)}`)
  if (options.out !== undefined) {
    writeFileSync(options.out, await reportOf(evaluation))
    say(`written to ${options.out}`)
  }
  if (options.json) print(JSON.stringify(evaluation))
}

const share = (text: string): number => {
  const value = Number(text)
  if (!(value > 0 && value <= 1)) throw new AssayError('option_invalid', `'${text}' is not a share above 0 and up to 1`)
  return value
}

export const addEvaluate = (program: Command): Command =>
  withSource(program.command('evaluate').description('judge a model on the last part of a data set, with intervals, and by segments'))
    .requiredOption('--model <folder>', 'the model')
    .option('--against <folder>', 'another model, judged by the same rows')
    .option('--test-share <share>', 'which part of the time is judged; what the model held out unless given', share)
    .option('--out <file>', 'a report as HTML')
    .option('--json', 'print everything as JSON on the last line')
    .addHelpText(
      'after',
      `
Examples:
  npm run model -- evaluate --model models/default --data-seed 77 --transactions 100000 --customers 2000 --days 60 --out report.html
  npm run model -- evaluate --model /tmp/mine --against models/default --tenant bank-one --json`,
    )
    .action(run)
