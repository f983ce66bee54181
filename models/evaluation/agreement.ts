/** How two models differ on the same transactions of a bank, out of what was recorded of both while one decided and the other was in shadow. */
import { AssayError } from '../../services/shared/errors.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { raises, readTenants } from '../../services/shared/tidb/settings.ts'
import { Grow } from '../columns/grow.ts'
import { type BothScored, bothScored } from '../data/both-scored.ts'
import { fraud, genuine, unknown } from '../data/dataset.ts'
import { auc, averagePrecision } from './metrics.ts'
import { rank, rankingOf } from './ranked.ts'

export type AgreementOptions = {
  tenant: string
  /** Versions of the registry. */
  a: number
  b: number
  /** Milliseconds since 1970, as are the others: transactions that happened from then on; the 30 days before `to` unless given. */
  from?: number | undefined
  /** And before this; `at` unless given. */
  to?: number | undefined
  /** Labels count that were known then; now unless given. */
  at?: number | undefined
  /** Alerts a day at which both are compared; as many as the first raises at the bank's thresholds unless given. */
  budget?: number | undefined
}

/** Transactions, and what is known of them. */
export type Counts = { rows: number; frauds: number; genuine: number }
/** Which alerts each would have raised. */
export type Raised = { both: Counts; onlyA: Counts; onlyB: Counts }
/** Of the transactions of which it is known what they were; null without both frauds and genuine ones. */
export type Ranking = { auc: number | null; averagePrecision: number | null }
/** One that a single model would have raised. */
export type Disagreement = { id: string; customer: string; time: number; a: number; b: number; label: 'fraud' | 'genuine' | 'unknown' }

export type Agreement = {
  tenant: string
  a: number
  b: number
  from: number
  to: number
  at: number
  /** Transactions that both scored. */
  rows: number
  /** Pearson's of the scores, and of their ranks (Spearman's); null where one model gives the same score to all. */
  correlation: number | null
  rankCorrelation: number | null
  meanA: number
  meanB: number
  /** By the bank's thresholds as they are now. */
  atThresholds: Raised
  /** Each by a threshold of its own, the lowest that raises no more than `alerts`. */
  atBudget: Raised & { alerts: number; thresholdA: number; thresholdB: number }
  labelled: Counts & { a: Ranking; b: Ranking }
  /** Those on which they differ most, in log-odds, at the bank's thresholds. */
  disagreements: Disagreement[]
}

const labelNames = { [genuine]: 'genuine', [fraud]: 'fraud', [unknown]: 'unknown' } as Record<number, Disagreement['label']>

const day = 86_400_000
const mostDisagreements = 20
const smallest = 1e-6

const logOdds = (score: number): number => {
  const p = Math.min(1 - smallest, Math.max(smallest, score))
  return Math.log(p / (1 - p))
}
const apart = ({ a, b }: BothScored) => Math.abs(logOdds(a) - logOdds(b))
const rounded = (x: number): number | null => (Number.isFinite(x) ? Math.round(x * 1e6) / 1e6 : null)
const meanOf = (x: Float64Array) => x.reduce((sum, value) => sum + value, 0) / x.length

function pearson(a: Float64Array, b: Float64Array): number {
  const [meanA, meanB] = [meanOf(a), meanOf(b)]
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    ab += (a[i] - meanA) * (b[i] - meanB)
    aa += (a[i] - meanA) ** 2
    bb += (b[i] - meanB) ** 2
  }
  return ab / Math.sqrt(aa * bb)
}

/** Ranks by falling score; rows of the same score share the mean of theirs. */
function ranksOf(scores: Float64Array): Float64Array {
  const { rows, levels } = rankingOf(scores)
  const ranks = new Float64Array(scores.length)
  for (let from = 0, i = 1; i <= rows.length; i++) {
    if (i < rows.length && levels[i] === levels[from]) continue
    for (let j = from; j < i; j++) ranks[rows[j]] = (from + i - 1) / 2
    from = i
  }
  return ranks
}

/** The lowest score that no more than so many rows reach; above 1 where even the highest is reached by more. */
function thresholdFor(scores: Float64Array, alerts: number): number {
  const falling = scores.toSorted().reverse()
  if (alerts >= falling.length) return 0
  let place = alerts - 1
  while (place >= 0 && falling[place] === falling[alerts]) place--
  return place < 0 ? 2 : falling[place]
}

const noCounts = (): Counts => ({ rows: 0, frauds: 0, genuine: 0 })
function add(to: Counts, label: number): void {
  to.rows++
  if (label === fraud) to.frauds++
  if (label === genuine) to.genuine++
}

type Columns = { a: Float64Array; b: Float64Array; labels: Uint8Array }

function raisedBy({ a, b, labels }: Columns, byA: (score: number) => boolean, byB = byA): Raised {
  const raised: Raised = { both: noCounts(), onlyA: noCounts(), onlyB: noCounts() }
  for (let i = 0; i < a.length; i++) {
    const [one, other] = [byA(a[i]), byB(b[i])]
    if (one || other) add(one && other ? raised.both : one ? raised.onlyA : raised.onlyB, labels[i])
  }
  return raised
}

/** Both models ranked by the rows that are known. */
function labelledOf({ a, b, labels }: Columns): Agreement['labelled'] {
  const counts = noCounts()
  for (const label of labels) if (label !== unknown) add(counts, label)
  const truth = labels.filter((label) => label !== unknown)
  const judged = (scores: Float64Array): Ranking => {
    const levels = rank(
      scores.filter((_, i) => labels[i] !== unknown),
      truth,
    )
    return { auc: rounded(auc(levels)), averagePrecision: counts.genuine === 0 ? null : rounded(averagePrecision(levels)) }
  }
  return { ...counts, a: judged(a), b: judged(b) }
}

/** Reads and compares. Throws `tenant_unknown`, or `never_together` where nothing was scored by both in that time. */
export async function agreementOf(database: Database, options: AgreementOptions): Promise<Agreement> {
  const { tenant, a, b, at = Date.now() } = options
  const bank = (await readTenants(database)).find((t) => t.tenant === tenant)
  if (!bank) throw new AssayError('tenant_unknown', `There is no tenant '${tenant}'`, { status: 404 })
  const maturity = bank.settings.labels.maturityDays * day
  const raised = (score: number) => raises(score, bank.settings)
  const to = Math.min(options.to ?? at, at)
  const from = options.from ?? to - 30 * day
  const floats = () => new Grow((n) => new Float64Array(n))
  const [scoresA, scoresB, labels] = [floats(), floats(), new Grow((n) => new Uint8Array(n))]
  let differing: BothScored[] = []
  let [first, last] = [Number.POSITIVE_INFINITY, 0]
  for await (const page of bothScored(database, { tenant, a, b, from, to, at, maturity })) {
    for (const row of page) {
      scoresA.push(row.a)
      scoresB.push(row.b)
      labels.push(row.label)
      first = Math.min(first, row.time)
      last = Math.max(last, row.time)
      if (raised(row.a) !== raised(row.b)) differing.push(row)
    }
    differing = differing.sort((x, y) => apart(y) - apart(x)).slice(0, mostDisagreements)
  }
  const columns: Columns = { a: scoresA.values, b: scoresB.values, labels: labels.values }
  const rows = labels.length
  if (rows === 0)
    throw new AssayError(
      'never_together',
      `Models ${a} and ${b} did not both score any transaction of ${tenant} in that time; let one be in shadow: npm run model -- shadow ${b}`,
      { status: 404 },
    )
  const atThresholds = raisedBy(columns, raised)
  const days = Math.max(1, (last - first) / day)
  const alerts =
    options.budget === undefined ? atThresholds.both.rows + atThresholds.onlyA.rows : Math.min(rows, Math.round(options.budget * days))
  const [thresholdA, thresholdB] = [thresholdFor(columns.a, alerts), thresholdFor(columns.b, alerts)]
  const byThresholds = raisedBy(
    columns,
    (score) => score >= thresholdA,
    (score) => score >= thresholdB,
  )
  return {
    ...{ tenant, a, b, from, to, at, rows },
    correlation: rounded(pearson(columns.a, columns.b)),
    rankCorrelation: rounded(pearson(ranksOf(columns.a), ranksOf(columns.b))),
    meanA: meanOf(columns.a),
    meanB: meanOf(columns.b),
    atThresholds,
    atBudget: { ...byThresholds, alerts, thresholdA, thresholdB },
    labelled: labelledOf(columns),
    disagreements: differing.map((row) => ({ ...row, label: labelNames[row.label] })),
  }
}
