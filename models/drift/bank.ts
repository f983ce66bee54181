/** How far what is decided for a bank has moved from what a model was trained on, by the rows that were recorded, page by page. */
import { AssayError } from '../../services/shared/errors.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { championOf, readVersion, registeredModel } from '../../services/shared/tidb/models.ts'
import type { Tenant } from '../../services/shared/tidb/settings.ts'
import type { Manifest } from '../artefact.ts'
import { fraud, labelLog, labelsAsKnown, unknown } from '../data/dataset.ts'
import { givenLabel, labelsOf, recomputedOf, type Span, stretchesOf } from '../data/decided-pages.ts'
import { weigh } from '../data/from-database.ts'
import { beginningOf, countDecided, type SampledRow, sampledPages } from '../data/sampled-pages.ts'
import { width } from '../fold/features.ts'
import { unpackVector } from '../fold/vector-bytes.ts'
import { loadScorer, type Scorer } from '../scorer.ts'
import { type Calibration, Outcomes } from './calibration.ts'
import { dayIndex, wholeDaysBefore } from './days.ts'
import { createDays, driftOfDays, type Watched } from './watched.ts'

const day = 86_400_000
/** Of a time, at most about so many rows are looked at: enough for shares to within 0.2 %. */
const mostRows = 200_000
/** Least time over which calibration is told: frauds are rare. */
const calibrationDays = 28

/** A model of the registry; what it would have said of rows that another one decided is computed. */
export type Compared = { version: number; manifest: Manifest; scorer(): Promise<Scorer>; stop(): Promise<void> }

/** Reads a version, or the champion. Throws `model_unknown`, or `champion_missing` where there is none yet. */
export async function comparedModel(database: Database, wanted?: number): Promise<Compared> {
  const version = wanted ?? (await championOf(database))
  if (version === undefined)
    throw new AssayError('champion_missing', 'No model decides yet: the first detector to start brings the one that ships')
  const { manifest } = await readVersion(database, version)
  let loaded: Promise<Scorer> | undefined
  return {
    version,
    manifest,
    scorer: () => {
      loaded ??= registeredModel(database, version).then((source) => loadScorer(source, { backend: 'wasm' }))
      return loaded
    },
    stop: async () => (await loaded?.catch(() => undefined))?.stop(),
  }
}

type Page = { rows: SampledRow[]; values: Float32Array; scores: Float64Array; others: number; rescored: number }

/** Vectors of another version as they were recomputed in the model's, where they were. */
async function inVersion(database: Database, tenant: string, featureSet: Buffer, page: SampledRow[]): Promise<SampledRow[]> {
  const others = page.flatMap((row) => (row.feature_set.equals(featureSet) ? [] : [row.id]))
  if (others.length === 0) return page
  const recomputed = await recomputedOf(database, tenant, featureSet, others)
  return page.map((row) => {
    const features = recomputed.get(row.id)
    // A score was given to the vector of that time.
    return features ? { ...row, features, feature_set: featureSet, model: -1 } : row
  })
}

/** The rows that have the model's features, with its scores. */
async function scored(database: Database, tenant: string, page: SampledRow[], model: Compared): Promise<Page> {
  const own = Buffer.from(model.manifest.featureSet, 'hex')
  const present = await inVersion(database, tenant, own, page)
  const vectors = new Float32Array(page.length * width)
  const rows: SampledRow[] = []
  for (const row of present)
    if (row.feature_set.equals(own) && unpackVector(row.features, vectors, rows.length * width, width)) rows.push(row)
  const values = vectors.subarray(0, rows.length * width)
  const scores = Float64Array.from(rows, (row) => row.score)
  const foreign = rows.flatMap((row, i) => (row.model === model.version ? [] : [i]))
  if (foreign.length > 0) {
    const computed = (await model.scorer()).score(values, rows.length)
    for (const i of foreign) scores[i] = computed[i]
  }
  return { rows, values, scores, others: page.length - rows.length, rescored: foreign.length }
}

type Reading = { total: number; signal: AbortSignal | undefined }

/** Pages of a time that has `total` rows: an even part of them, about `mostRows` at most. */
async function* pagesOf(database: Database, tenant: string, span: Span, model: Compared, { total, signal }: Reading): AsyncGenerator<Page> {
  const stride = Math.max(1, Math.ceil(total / mostRows))
  for await (const stretch of stretchesOf(database, tenant))
    for await (const page of sampledPages(database, stretch, span, stride)) {
      signal?.throwIfAborted()
      yield scored(database, tenant, page, model)
    }
}

type Judged = { span: Span; at: number; maturity: number; signal: AbortSignal | undefined }

/** By rows that are so old that silence means genuine: younger ones with a label are mostly fraud. */
async function calibrated(
  database: Database,
  tenant: string,
  model: Compared,
  { span, at, maturity, signal }: Judged,
): Promise<Calibration | undefined> {
  const outcomes = new Outcomes()
  let rescored = 0
  const total = await countDecided(database, tenant, span)
  for await (const { rows, scores, rescored: foreign } of pagesOf(database, tenant, span, model, { total, signal })) {
    if (rows.length === 0) continue
    rescored += foreign
    const places = new Map(rows.map(({ id }, i) => [id, i]))
    const said = await labelsOf(database, tenant, [...places.keys()], at)
    const labels = labelLog(said.map((label) => givenLabel(label, places.get(label.transaction_id) as number)))
    const known = labelsAsKnown({ rows: rows.length, times: Float64Array.from(rows, (row) => row.time), labels, maturity }, at)
    const drawn = Float32Array.from(rows, (row) => (row.sampled === 1 && row.sample_probability ? 1 / row.sample_probability : 1))
    const { weights } = weigh(drawn, labels, known)
    for (let i = 0; i < rows.length; i++) if (known[i] !== unknown) outcomes.add(scores[i], known[i] === fraud, weights[i])
  }
  return outcomes.calibration(span, rescored)
}

/**
 * Compares a time of a bank, the last seven whole days before `at` unless given, with what the model was trained on. Calibration is by the
 * labels that were known at `at`, of a time that is old enough for them to be complete.
 */
export async function driftOfBank(
  database: Database,
  { tenant, settings }: Tenant,
  model: Compared,
  { at = Date.now(), signal, ...given }: Partial<Span> & { at?: number; signal?: AbortSignal } = {},
): Promise<Watched> {
  const { zone } = settings
  const to = given.to ?? wholeDaysBefore(at, zone).to
  const from = given.from ?? wholeDaysBefore(to, zone).from
  if (from >= to) throw new AssayError('option_invalid', '--from must be before --to')
  const { manifest, version } = model
  const days = createDays(manifest.bins, manifest.features, { from, to }, zone)
  const transactions = await countDecided(database, tenant, { from, to })
  const seen = { rows: 0, otherFeatures: 0, rescored: 0 }
  for await (const page of pagesOf(database, tenant, { from, to }, model, { total: transactions, signal })) {
    seen.rows += page.rows.length
    seen.otherFeatures += page.others
    seen.rescored += page.rescored
    for (const [i, row] of page.rows.entries()) days.counts[dayIndex(days.starts, row.time)].add(page.values, i * width, page.scores[i])
  }
  const began = await beginningOf(database, tenant)
  const maturity = settings.labels.maturityDays * day
  const mature = Math.min(to, at - maturity)
  const calibration = await calibrated(database, tenant, model, {
    span: { from: Math.min(from, mature - calibrationDays * day), to: mature },
    at,
    maturity,
    signal,
  })
  return {
    of: tenant,
    model: { name: manifest.name, version },
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    zone,
    transactions,
    ...seen,
    ...driftOfDays(days, from - (began ?? from)),
    ...(calibration && { calibration }),
  }
}
