/** `npm run model -- card`: judges a model and writes what is to be known of it beside it. */
import type { Command } from 'commander'
import { print } from '../../infra/local.ts'
import { defaultSettings } from '../../services/shared/tidb/settings.ts'
import { type Manifest, modelFolder, writeManifest } from '../artefact.ts'
import { writeCard } from '../card.ts'
import type { Dataset } from '../data/dataset.ts'
import { type Judgement, judge } from '../evaluation/judge.ts'
import { outcomesOf, scoresOf } from '../evaluation/of-dataset.ts'
import { featureNames } from '../fold/features.ts'
import { readParts } from '../parts.ts'
import type { Explain } from '../reasons/explain.ts'
import { loadScorer } from '../scorer.ts'
import { judgedPeriodOf, type Period } from '../training/periods.ts'
import { checkFeatures, checkFrauds, heldOut } from './evaluate.ts'
import { datasetFrom, type SourceOptions, withSource } from './source.ts'

const say = (line: string) => process.stderr.write(`${line}\n`)

/** Points that a curve keeps, and alerts and features that are looked at. */
const [points, alerts, features] = [60, 2000, 12]
const four = (_: string, value: unknown) =>
  typeof value === 'number' && !Number.isInteger(value) && Number.isFinite(value) ? Number(value.toPrecision(4)) : value

/** Figures as a manifest keeps them: in four digits. */
export const kept = <T>(figures: T): T => JSON.parse(JSON.stringify(figures, four)) as T

/** The judgement likewise, with curves of few points. */
export function keptOf(judgement: Judgement): Judgement {
  const step = Math.max(1, Math.ceil(judgement.precisionRecall.length / points))
  const precisionRecall = judgement.precisionRecall.filter((_, i, all) => i % step === 0 || i === all.length - 1)
  return kept({ ...judgement, precisionRecall })
}

/** Each feature's part of what raises the scores of the alerts at 1 in 200. */
export function leansOn({ matrix }: Dataset, { rows }: Period, scores: Float32Array, explain: Explain): NonNullable<Manifest['leansOn']> {
  const order = Uint32Array.from(rows.keys()).sort((a, b) => scores[b] - scores[a])
  const looked = Uint32Array.from(order.subarray(0, Math.min(alerts, Math.ceil(rows.length / 200))), (i) => rows[i])
  const vectors = new Float32Array(looked.length * matrix.width)
  matrix.gather(looked, vectors)
  const sums = new Float64Array(matrix.width)
  for (const { added } of explain(vectors, [...looked.keys()])) for (let f = 0; f < sums.length; f++) sums[f] += Math.max(0, added[f])
  const all = sums.reduce((a, b) => a + b, 0)
  return Array.from(sums, (sum, f) => ({ feature: featureNames[f], share: Math.round((1000 * sum) / all) / 1000 }))
    .sort((a, b) => b.share - a.share)
    .slice(0, features)
}

/** Judges the model of a folder by the part of the data that it held out, and writes that into its manifest. */
export async function describe(folder: string, data: Dataset, report: (line: string) => void): Promise<Manifest> {
  const scorer = await loadScorer(folder, { warn: report })
  try {
    checkFeatures(data, folder, scorer.manifest)
    const { test } = judgedPeriodOf(data, heldOut(scorer.manifest))
    checkFrauds(test)
    const scores = scoresOf(scorer, data, test.rows)
    const judgement = keptOf(judge(scores, outcomesOf(data, test), defaultSettings.costs))
    const manifest = { ...scorer.manifest, judgement, leansOn: leansOn(data, test, scores, scorer.explain) }
    writeManifest(folder, manifest)
    return manifest
  } finally {
    scorer.stop()
  }
}

type Options = SourceOptions & { drawOnly?: boolean }

/** The simulated bank on which a model was trained, for what the command line does not say. */
function trainedOn({ data }: Manifest, command: Command): Partial<SourceOptions> {
  if (data.source !== 'infra/simulator') return {}
  const { seed: dataSeed, transactions, customers, days } = data as Record<string, number>
  const known = { dataSeed, transactions, customers, days }
  return Object.fromEntries(Object.entries(known).filter(([name]) => command.getOptionValueSource(name) === 'default'))
}

async function card(folder: string, options: Options, command: Command): Promise<void> {
  const { manifest } = await readParts(modelFolder(folder))
  let told = manifest
  if (!options.drawOnly) {
    const data = await datasetFrom({ ...options, ...trainedOn(manifest, command) }, say)
    told = await describe(folder, data, say).finally(() => data.matrix.close())
  }
  await writeCard(folder, told)
  print(`The card of ${told.name} is ${folder}/MODEL_CARD.md, its plots lie beside it.`)
}

export const addCard = (program: Command): Command =>
  withSource(
    program
      .command('card')
      .description('judge a model on what it held out, and write its card with figures, intervals, segments and plots')
      .argument('<folder>', 'the model'),
  )
    .option('--draw-only', 'write card and plots from what the manifest has, without judging anew')
    .addHelpText(
      'after',
      `
A model that learnt from a simulated bank is judged on the same one unless another is named; else name the data by which it was trained.
Training does this by itself. A model that is in the registry keeps the manifest that it came with.

Examples:
  npm run model -- card models/default
  npm run model -- card /tmp/bank --tenant bank-one --from 2026-01-01
  npm run model -- card models/default --draw-only`,
    )
    .action(card)
