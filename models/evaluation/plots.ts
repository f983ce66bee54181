/** Plots of a judgement as SVG. */
import type { TopLevelSpec } from 'vega-lite'
import type { Judgement } from './judge.ts'
import type { Bin } from './metrics.ts'
import { svgOf } from './svg.ts'

const [width, height] = [380, 260]
const colour = '#1f5fa8'
const share = { domain: [0, 1] }

type Drawn = Pick<Judgement, 'precisionRecall' | 'reliability' | 'byBudget' | 'parts' | 'baseRate'>

const precisionRecall = ({ precisionRecall: values, baseRate }: Drawn): TopLevelSpec => ({
  title: 'Precision by recall',
  width,
  height,
  layer: [
    {
      data: { values },
      mark: { type: 'line', color: colour, interpolate: 'linear' },
      encoding: {
        x: { field: 'recall', type: 'quantitative', scale: share, title: 'recall' },
        y: { field: 'precision', type: 'quantitative', scale: share, title: 'precision' },
      },
    },
    {
      data: { values: [{ baseRate }] },
      mark: { type: 'rule', strokeDash: [4, 4], color: '#888' },
      encoding: { y: { field: 'baseRate', type: 'quantitative' } },
    },
  ],
})

/** Near 0, where most scores are, the axes are stretched. */
const stretched = { type: 'symlog' as const, constant: 0.0005, domain: [0, 1] }
const ticks = { values: [0, 0.001, 0.01, 0.1, 0.5, 1], format: '~g' }

/** Mean score and share of frauds of bins of equal weight: those of a calibrated model lie on the dashes. */
export const reliabilityPlot = (title: string, values: Bin[]): TopLevelSpec => ({
  title,
  width,
  height,
  layer: [
    {
      data: { values: [0, 1].map((x) => ({ meanScore: x, fraudShare: x })) },
      mark: { type: 'line', strokeDash: [4, 4], color: '#888' },
      encoding: {
        x: { field: 'meanScore', type: 'quantitative', scale: stretched, axis: ticks, title: 'mean score' },
        y: { field: 'fraudShare', type: 'quantitative', scale: stretched, axis: ticks, title: 'share of frauds' },
      },
    },
    {
      data: { values },
      mark: { type: 'point', filled: true, color: colour, size: 45 },
      encoding: { x: { field: 'meanScore', type: 'quantitative' }, y: { field: 'fraudShare', type: 'quantitative' } },
    },
  ],
})

const reliability = ({ reliability: bins }: Drawn) =>
  reliabilityPlot('Reliability: bins of equal weight, on the dashes if calibrated', bins)

const byBudget = ({ byBudget: values }: Drawn): TopLevelSpec => ({
  title: 'Recall by share of transactions looked at, with 95 % intervals',
  width,
  height,
  data: { values },
  encoding: {
    x: {
      field: 'budget',
      type: 'quantitative',
      scale: { type: 'log' },
      axis: { values: values.map((v) => v.budget), format: '.1%' },
      title: 'looked at',
    },
  },
  layer: [
    {
      mark: { type: 'area', opacity: 0.2, color: colour },
      encoding: { y: { field: 'low', type: 'quantitative', scale: share, title: 'recall' }, y2: { field: 'high' } },
    },
    { mark: { type: 'line', point: true, color: colour }, encoding: { y: { field: 'value', type: 'quantitative' } } },
  ],
})

const segments = ({ parts }: Drawn): TopLevelSpec => ({
  title: 'Recall at 1 alert in 200 by segment, with 95 % intervals',
  width,
  height: { step: 20 },
  data: {
    values: parts.flatMap(({ segment, value, intervals }) =>
      intervals
        ? [{ of: `${segment}: ${value}`, recall: intervals.recall.value, low: intervals.recall.low, high: intervals.recall.high }]
        : [],
    ),
  },
  encoding: { y: { field: 'of', type: 'nominal', sort: null, title: null, axis: { labelLimit: 260 } } },
  layer: [
    {
      mark: { type: 'rule', color: colour },
      encoding: { x: { field: 'low', type: 'quantitative', scale: share, title: 'recall' }, x2: { field: 'high' } },
    },
    {
      mark: { type: 'point', filled: true, color: colour, size: 45 },
      encoding: { x: { field: 'recall', type: 'quantitative' } },
    },
  ],
})

/** The plots by name, with what they show. */
export const plots = {
  'precision-recall': 'Precision by recall',
  reliability: 'Reliability',
  'recall-by-budget': 'Recall by share of transactions looked at',
  segments: 'Recall by segment',
} as const
export type PlotName = keyof typeof plots
const specs: Record<PlotName, (of: Drawn) => TopLevelSpec> = {
  'precision-recall': precisionRecall,
  reliability,
  'recall-by-budget': byBudget,
  segments,
}

/** One SVG each. */
export async function plotsOf(judgement: Drawn): Promise<Record<PlotName, string>> {
  const drawn = Object.entries(specs).map(async ([name, plot]) => [name, await svgOf(plot(judgement))] as const)
  return Object.fromEntries(await Promise.all(drawn)) as Record<PlotName, string>
}
