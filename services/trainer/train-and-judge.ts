/** One training from the database to a verdict: what was decided, a model like the champion, both judged by the latest known period. */
import { join } from 'node:path'
import { type Manifest, saveModel } from '../../models/artefact.ts'
import { loadBackend } from '../../models/backend.ts'
import type { Dataset } from '../../models/data/dataset.ts'
import { type DatabaseSource, readDataset, servedSince } from '../../models/data/from-database.ts'
import { gate } from '../../models/evaluation/gate.ts'
import { judge } from '../../models/evaluation/judge.ts'
import { outcomesOf, scoresOf } from '../../models/evaluation/of-dataset.ts'
import { loadScorer, type Scorer } from '../../models/scorer.ts'
import { configOf, type TrainConfig } from '../../models/training/config.ts'
import { checkEnough, fraudsOf, judgedPeriodOf, type Period } from '../../models/training/periods.ts'
import { trainModel } from '../../models/training/train-model.ts'
import { AssayError, messageOf } from '../shared/errors.ts'
import type { Database } from '../shared/tidb/database.ts'
import { registeredModel } from '../shared/tidb/models.ts'
import { defaultSettings } from '../shared/tidb/settings.ts'

export type Order = {
  tenants: string[]
  /** Transactions from here on, by what was known of them at `at`. */
  from: number
  at: number
  by: string
  /** The version that decides. */
  champion: number
  /** Where the progress is kept and the model goes: `checkpoint` and `model`. */
  folder: string
  /** MB that all of it may take. */
  memory: number
}
export type Judged = { state: 'candidate' | 'refused'; words: string; figures: Record<string, unknown> }

type Report = (line: string) => void

/** Reads what this version of the features served. */
async function readOwn(database: Database, source: DatabaseSource & { report: Report }): Promise<Dataset> {
  try {
    return await readDataset(database, source)
  } catch (error) {
    if (!(error instanceof AssayError && error.code === 'features_differ')) throw error
    const from = await servedSince(database, source)
    source.report(`features of another version served before ${new Date(from).toISOString()}: learning from what came later`)
    return readDataset(database, { ...source, from })
  }
}

/** The choices by which the champion was trained; those of an import may be another program's. */
function choicesOf({ training }: Manifest, report: Report): TrainConfig {
  try {
    return configOf(training ?? {})
  } catch (error) {
    report(`the champion's choices are not ours, so the defaults are taken: ${messageOf(error).split('\n')[0]}`)
    return configOf({})
  }
}

const spanOf = ({ times }: Dataset, { rows }: Period) => ({
  from: new Date(times[rows[0]]).toISOString(),
  to: new Date(times[rows[rows.length - 1]]).toISOString(),
})

async function judged(data: Dataset, test: Period, champion: Scorer, model: string, order: Order): Promise<Judged> {
  const challenger = await loadScorer(model)
  try {
    const outcomes = outcomesOf(data, test)
    const [before, after] = [scoresOf(champion, data, test.rows), scoresOf(challenger, data, test.rows)]
    const { pass, words, differences, parts } = gate(before, after, outcomes)
    const { costs } = defaultSettings
    const [old, made] = [before, after].map((scores) => judge(scores, { ...outcomes, segments: [] }, costs).figures)
    return {
      state: pass ? 'candidate' : 'refused',
      words: words.join('; '),
      figures: {
        judged: { ...spanOf(data, test), rows: test.rows.length, frauds: fraudsOf(test) },
        champion: { version: order.champion, figures: old },
        challenger: { figures: made },
        differences,
        parts,
      },
    }
  } finally {
    challenger.stop()
  }
}

/**
 * Trains and judges. The challenger is in `model` of the folder afterwards. Throws what `readDataset` and `trainModel` throw, and
 * `too_few_frauds` or `one_class_only` for the judged period too.
 */
export async function trainAndJudge(database: Database, order: Order, report: Report): Promise<Judged> {
  const { tenants, from, at, by, folder, memory } = order
  const backend = await loadBackend('auto', () => undefined)
  const champion = await loadScorer(await registeredModel(database, order.champion))
  const data = await readOwn(database, { tenants, from, at, report, memory: Math.floor((memory * 3) / 8) })
  try {
    const config = choicesOf(champion.manifest, report)
    const { test } = judgedPeriodOf(data, config.testShare, at)
    checkEnough('judged', test)
    const name = `retrained ${new Date(at).toISOString().slice(0, 10)}`
    const { model, manifest } = await trainModel(data, config, { name, backend, report, at, checkpoint: join(folder, 'checkpoint') })
    const path = join(folder, 'model')
    await saveModel(path, model, { ...manifest, by })
    model.dispose()
    report('judging it beside the champion')
    return await judged(data, test, champion, path, order)
  } finally {
    champion.stop()
    data.matrix.close()
  }
}
