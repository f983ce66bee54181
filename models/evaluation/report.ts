/** What is told of a judgement: tables, and a page that needs nothing but itself. */
import type { Difference, Interval } from './bootstrap.ts'
import type { Judgement, MetricName } from './judge.ts'
import { htmlPage, htmlPlots, htmlTable } from './page.ts'
import { plotsOf } from './plots.ts'

/** What a report is made of. */
export type Reported = Judgement & {
  model: { folder: string; name: string }
  against?: { folder: string; name: string; figures: Judgement['figures'] }
  differences?: Record<MetricName, Difference>
  data: Record<string, unknown>
}

const names: Record<MetricName, string> = {
  auc: 'AUC',
  ap: 'average precision',
  recallAtBudget: 'recall at 1 alert in 200',
  recallAtFalsePositives: 'recall at 1 % false positives',
  ece: 'calibration error',
  meanOverBase: 'mean score over base rate',
}

/** Figures that nothing could be said of are NaN, and null in a manifest. */
const number = (value: number) => (Number.isFinite(value) ? value.toFixed(4) : '-')
const interval = (of: Interval | undefined) => (of ? `${number(of.value)} [${number(of.low)}, ${number(of.high)}]` : '-')

/** The figures with their intervals, the head first. */
export function figureRows({ model, figures, against, differences }: Reported): string[][] {
  const other = against ? [`${against.name} (${against.folder})`, 'difference', 'draws above'] : []
  const rows = (Object.keys(names) as MetricName[]).map((name) => {
    const difference = differences?.[name]
    const compared =
      against && difference ? [interval(against.figures[name]), interval(difference), `${Math.round(difference.above * 100)} %`] : []
    return [names[name], interval(figures[name]), ...compared]
  })
  return [['95 % intervals by card', `${model.name} (${model.folder})`, ...other], ...rows]
}

/** The parts, the head first; without an interval where they are small. */
export const partRows = ({ parts }: Reported): string[][] => [
  ['segment', 'value', 'rows', 'frauds', 'AUC', 'average precision', 'calibration error', 'recall at 1 alert in 200'],
  ...parts.map((p) => {
    const shown = (['auc', 'ap', 'ece', 'recall'] as const).map((name) => (p.intervals ? interval(p.intervals[name]) : number(p[name])))
    return [p.segment, p.value, String(p.rows), String(p.frauds), ...shown]
  }),
]

/** What the budget of 1 alert in 200 brings; money is in minor units of the base currency. */
export const budgetRows = ({ atBudget: { alerts, precision, recall, caught, saved } }: Reported): string[][] => [
  ['1 alert in 200', 'precision', 'recall', 'amount of the frauds caught', 'saved, reviews paid'],
  [String(Math.round(alerts)), number(precision), number(recall), caught.toFixed(0), saved.toFixed(0)],
]

/** A page of HTML. */
export async function reportOf(of: Reported): Promise<string> {
  const { model, rows, frauds, baseRate, data } = of
  const facts = Object.entries(data).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)])
  return htmlPage({
    title: `${model.name}: evaluation`,
    heading: `How good ${model.name} is`,
    lead: `${rows} transactions with ${frauds} frauds (base rate ${baseRate.toPrecision(3)}). In brackets: 95 % intervals, found by drawing whole cards anew.`,
    body: [
      htmlTable(figureRows(of)),
      htmlPlots(Object.values(await plotsOf(of))),
      htmlTable(budgetRows(of)),
      '<h2>Segments</h2>',
      htmlTable(partRows(of)),
      '<h2>Data</h2>',
      htmlTable([['what', 'is'], ...facts]),
    ].join('\n'),
  })
}
