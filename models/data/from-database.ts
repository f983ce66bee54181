/**
 * A data set from what was decided for banks: the features that were recorded at decision time, bit for bit, or recomputed ones where another
 * version of them decided, with labels as they were known. Rows come by pages in order of arrival, and only numbers are kept of them.
 */
import { AssayError } from '../../services/shared/errors.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { readTenants, type Tenant } from '../../services/shared/tidb/settings.ts'
import { featureNames, featureSetHash } from '../fold/features.ts'
import { type Dataset, fraud, type GivenLabel, genuine, type LabelLog, labelLog, labelsAsKnown, sources, unknown } from './dataset.ts'
import {
  countOthers,
  type DecidedRow,
  decidedPages,
  givenLabel,
  labelPages,
  lastOfOthers,
  placesOf,
  recomputedOf,
  type Span,
  stretchesOf,
} from './decided-pages.ts'
import { Rows } from './decided-rows.ts'
import { inOrder } from './matrix.ts'
import { amountBands, newCards } from './segments.ts'

export type DatabaseSource = {
  tenants: readonly string[]
  /** Labels count that were known then; milliseconds since 1970, as are the others. */
  at: number
  /** Transactions that happened from here on. */
  from?: number | undefined
  /** And before this; `at` unless it is earlier. */
  to?: number | undefined
  /** The banks' own unless given; of several banks the longest. */
  maturityDays?: number
  /** MB of vectors that are kept in memory; the rest lies in a file. */
  memory?: number
  report?: (line: string) => void
}

const dayLength = 86_400_000
const reportEvery = 50_000
/** No row counts for more: the reciprocal of the share that is drawn for review unless a bank says otherwise. */
const mostWeight = 2000
const ownSet = Buffer.from(featureSetHash, 'hex')
const analyst = sources.indexOf('analyst')

async function findTenants(database: Database, names: readonly string[]): Promise<Tenant[]> {
  const all = await readTenants(database)
  const found = [...new Set(names)].map((name) => {
    const tenant = all.find((t) => t.tenant === name)
    if (!tenant) throw new AssayError('tenant_unknown', `There is no tenant '${name}'`)
    return tenant
  })
  const currencies = [...new Set(found.map((t) => t.settings.baseCurrency))]
  if (currencies.length > 1)
    throw new AssayError('currencies_differ', `The banks count in ${currencies.join(' and ')}; their amounts cannot be compared`)
  return found
}

/** The rows with features of the present version: as they were recorded, or recomputed where that was by another version. */
async function withPresentFeatures(
  database: Database,
  tenant: string,
  page: DecidedRow[],
  span: Span,
): Promise<[rows: DecidedRow[], recomputed: number]> {
  const others = page.filter((row) => !row.feature_set.equals(ownSet))
  if (others.length === 0) return [page, 0]
  const recomputed = await recomputedOf(
    database,
    tenant,
    ownSet,
    others.map((row) => row.id),
  )
  if (recomputed.size < others.length) {
    const missing = await countOthers(database, tenant, ownSet, span)
    throw new AssayError(
      'features_differ',
      `${missing} transactions of ${tenant} have features of another version than ${featureSetHash}: recompute them by npm run assay -- features backfill --tenant ${tenant}, or take a time when that version served, by --from and --to`,
      { details: { tenant, others: missing } },
    )
  }
  return [page.map((row) => ({ ...row, features: recomputed.get(row.id) ?? row.features })), others.length]
}

/** Reads a bank's rows, and gives how many of them have recomputed features. */
async function readRows(database: Database, tenant: string, span: Span, rows: Rows, report: (line: string) => void): Promise<number> {
  let recomputed = 0
  for await (const stretch of stretchesOf(database, tenant))
    for await (const page of decidedPages(database, stretch, span)) {
      const [present, others] = await withPresentFeatures(database, tenant, page, span)
      recomputed += others
      const before = rows.times.length
      for (const row of present) rows.add(stretch, row)
      const now = rows.times.length
      if (Math.floor(before / reportEvery) < Math.floor(now / reportEvery)) report(`${now} transactions read`)
    }
  if (recomputed > 0)
    report(`of ${recomputed} transactions of ${tenant} the features are recomputed, since another version decided: see docs/models.md`)
  return recomputed
}

/** The time from which on no features of another version served in the source's time. */
export async function servedSince(database: Database, { tenants, at, from = 0, to = at }: DatabaseSource): Promise<number> {
  const last = await Promise.all(tenants.map((tenant) => lastOfOthers(database, tenant, ownSet, { from, to: Math.min(to, at) })))
  return Math.max(from, ...last.map((time) => time + 1))
}

/** Labels of rows in the order in which they came to be known, and how many there are of transactions that nobody knows. */
async function readLabels(
  database: Database,
  tenants: readonly Tenant[],
  at: number,
  rows: Rows,
  order: Uint32Array,
): Promise<{ log: LabelLog; strays: number }> {
  const given: GivenLabel[] = []
  const placeOf = new Uint32Array(order.length)
  for (let place = 0; place < order.length; place++) placeOf[order[place]] = place
  let strays = 0
  for (const { tenant } of tenants)
    for await (const page of labelPages(database, tenant, at)) {
      const found = await placesOf(database, tenant, [...new Set(page.map((label) => label.transaction_id))])
      for (const label of page) {
        const place = found.get(label.transaction_id)
        if (!place) strays++
        const row = place && rows.at({ tenant, ...place }, place.log_offset)
        if (row === undefined) continue
        given.push(givenLabel(label, placeOf[row]))
      }
    }
  return { log: labelLog(given), strays }
}

/**
 * What rows count for. All genuine ones are there already, looked at or not, so they count once. A fraud that only an analyst saw, and
 * only because it had been drawn, stands for those that were not drawn; one that others reported too would have been known anyway.
 */
export function weigh(drawn: Float32Array, { rows, sources: said, values }: LabelLog, labels: Uint8Array) {
  const reported = new Uint8Array(drawn.length)
  for (let i = 0; i < rows.length; i++) if (values[i] === fraud && said[i] !== analyst) reported[rows[i]] = 1
  const found = { drawn: 0, weighted: 0, weight: 0, capped: 0 }
  const weights = drawn.map((weight, row) => {
    if (weight === 1) return 1
    found.drawn++
    if (labels[row] !== fraud || reported[row] === 1) return 1
    const most = Math.min(weight, mostWeight)
    found.weighted++
    found.weight += most
    if (most < weight) found.capped++
    return most
  })
  return { weights, found }
}

const countOf = (labels: Uint8Array, value: number): number => labels.reduce((n, label) => n + (label === value ? 1 : 0), 0)

/** Reads the data set. Throws `tenant_unknown`, `currencies_differ`, `data_empty`, `features_differ`, `features_damaged` or `disk_full`. */
export async function readDataset(database: Database, source: DatabaseSource): Promise<Dataset> {
  const { at, report = () => undefined } = source
  const span = { from: source.from ?? 0, to: Math.min(source.to ?? at, at) }
  const banks = await findTenants(database, source.tenants)
  const maturityDays = source.maturityDays ?? Math.max(...banks.map((t) => t.settings.labels.maturityDays))
  const rows = new Rows(source.memory)
  try {
    let recomputed = 0
    for (const { tenant } of banks) recomputed += await readRows(database, tenant, span, rows, report)
    if (rows.times.length === 0)
      throw new AssayError('data_empty', `Nothing of ${source.tenants.join(' and ')} was decided in that time`, { details: span })
    return await assembled(database, banks, { at, span, maturityDays, recomputed }, rows)
  } catch (error) {
    rows.writer.abandon()
    throw error
  }
}

async function assembled(
  database: Database,
  banks: readonly Tenant[],
  { at, span, maturityDays, recomputed }: { at: number; span: Span; maturityDays: number; recomputed: number },
  read: Rows,
): Promise<Dataset> {
  const order = read.byTime()
  const times = Float64Array.from(order, (row) => read.times.values[row])
  const amounts = Float64Array.from(order, (row) => read.amounts.values[row])
  const cards = read.cards.codesIn(order)
  const { log, strays } = await readLabels(database, banks, at, read, order)
  const maturity = maturityDays * dayLength
  const known = { rows: order.length, times, labels: log, maturity }
  const labels = labelsAsKnown(known, at)
  const { weights, found } = weigh(
    Float32Array.from(order, (row) => read.drawn.values[row]),
    log,
    labels,
  )
  const currency = banks[0].settings.baseCurrency
  const instant = (time: number) => new Date(time).toISOString()
  return {
    ...known,
    description: {
      source: 'decided transactions',
      tenants: banks.map((t) => t.tenant),
      from: instant(times[0]),
      to: instant(span.to),
      at: instant(at),
      rows: order.length,
      recomputed,
      currency,
      maturityDays,
      labels: log.rows.length,
      labelsOfUnknownTransactions: strays,
      frauds: countOf(labels, fraud),
      genuine: countOf(labels, genuine),
      leftOut: countOf(labels, unknown),
      drawnForReview: found,
      models: read.models.values.map(Number),
    },
    features: featureNames,
    featureSet: featureSetHash,
    matrix: inOrder(read.writer.finish(), order),
    at,
    weights,
    amounts,
    recordedScores: Float64Array.from(order, (row) => read.scores.values[row]),
    cards,
    segments: [
      ...(banks.length > 1 ? [read.tenants.segment('tenant', order)] : []),
      read.channels.segment('channel', order),
      read.countries.segment('country', order),
      amountBands(amounts, currency),
      newCards(times, cards),
    ],
  }
}
