/** What is told of a drift: tables, and a page. */
import { htmlPage, htmlPlots, htmlTable } from '../evaluation/page.ts'
import { driftPlots } from './plots.ts'
import type { ColumnDrift } from './psi.ts'
import { columnsOf, type Watched } from './watched.ts'

const percent = (share: number) => `${(100 * share).toFixed(2)} %`
const day = (instant: string) => instant.slice(0, 16).replace('T', ' ')

const columnRow = ({ name, psi, missing, verdict }: ColumnDrift): string[] => [
  name,
  psi === undefined ? '-' : psi.toFixed(4),
  missing ? percent(missing.before) : '-',
  missing ? percent(missing.now) : '-',
  verdict,
]

/** The score, then the features that moved most, at most `most` of them; the head first. */
export const driftRows = ({ drift }: Watched, most?: number): string[][] => [
  ['of', 'index', 'missing when trained', 'missing now', 'verdict'],
  ...columnsOf(drift, most).map(columnRow),
]

/** What was looked at and what came of it, in sentences. */
export function driftWords({ of, model, from, to, zone, transactions, rows, otherFeatures, rescored, drift }: Watched): string[] {
  const version = model.version === undefined ? model.name : `${model.version} (${model.name})`
  const warming = 'features' in drift ? drift.features.filter((f) => f.verdict === 'warming up').length : 0
  const weeks = (Date.parse(to) - Date.parse(from)) / (7 * 86_400_000)
  return [
    `${of}, ${day(from)} to ${day(to)} UTC, beside what model ${version} was trained on: ${drift.verdict}.`,
    `${rows} of ${transactions} transactions were looked at; days are those of ${zone}.`,
    ...('reason' in drift ? [`${drift.reason}.`] : []),
    ...(otherFeatures > 0 ? [`${otherFeatures} have features of another version and are left out.`] : []),
    ...(rescored > 0 ? [`${rescored} were decided by another model; their scores were computed.`] : []),
    ...(warming > 0 ? [`${warming} features are warming up and raise nothing.`] : []),
    // Clocks that are put forward or back make a week an hour shorter or longer.
    ...(Math.abs(weeks - Math.round(weeks)) > 0.01 || weeks < 0.5 ? ['These are not whole weeks: days differ from one another.'] : []),
  ]
}

export function calibrationWords({ calibration }: Watched): string {
  if (!calibration) return 'Calibration: no transactions are old enough for their labels to be complete.'
  const { from, to, rows, frauds, rescored, meanScore, fraudShare, ece } = calibration
  const over = fraudShare > 0 ? `, ${(meanScore / fraudShare).toFixed(2)} times the share of frauds` : ''
  const others = rescored > 0 ? ` ${rescored} of them were decided by another model.` : ''
  return `Calibration, ${day(from)} to ${day(to)} UTC: ${rows} transactions, ${frauds} frauds (${percent(fraudShare)}), mean score ${percent(meanScore)}${over}; calibration error ${ece.toFixed(5)}.${others}`
}

/** A page of HTML. */
export async function driftPage(watched: Watched): Promise<string> {
  return htmlPage({
    title: `${watched.of}: drift`,
    heading: `How far ${watched.of} has moved from what ${watched.model.name} was trained on`,
    lead: [...driftWords(watched), calibrationWords(watched)].join(' '),
    body: [htmlPlots(await driftPlots(watched)), htmlTable(driftRows(watched))].join('\n'),
  })
}
