/** Plots of a drift as SVG. */
import type { TopLevelSpec } from 'vega-lite'
import { reliabilityPlot } from '../evaluation/plots.ts'
import { svgOf } from '../evaluation/svg.ts'
import { thresholds } from './psi.ts'
import { columnsOf, type Watched } from './watched.ts'

const [width, height] = [380, 260]
const colours = { stable: '#1f5fa8', moving: '#c98a00', drifting: '#b3261e' }
/** As many features as a bar each has room for. */
const mostBars = 20

/** Dashes at the indices from which something moves, and has drifted. */
const limits = (channel: 'x' | 'y') => ({
  data: { values: [{ index: thresholds.moving }, { index: thresholds.drifting }] },
  mark: { type: 'rule' as const, strokeDash: [4, 4], color: '#888' },
  encoding: { [channel]: { field: 'index', type: 'quantitative' as const } },
})

function farthest({ drift }: Watched): TopLevelSpec | undefined {
  const columns = columnsOf(drift, mostBars).filter(({ psi }) => psi !== undefined)
  if (columns.length === 0) return undefined
  return {
    title: 'Stability index: dashes where something moves, and has drifted',
    width,
    height: { step: 16 },
    layer: [
      {
        data: { values: columns },
        mark: 'bar',
        encoding: {
          y: { field: 'name', type: 'nominal', sort: null, title: null, axis: { labelLimit: 220 } },
          x: { field: 'psi', type: 'quantitative', title: 'index', scale: { type: 'symlog', constant: 0.05 } },
          color: {
            field: 'verdict',
            type: 'nominal',
            scale: { domain: Object.keys(colours), range: Object.values(colours) },
            legend: { title: null, orient: 'bottom' },
          },
        },
      },
      limits('x'),
    ],
  }
}

function scores({ scoreBins }: Watched): TopLevelSpec | undefined {
  if (!scoreBins) return undefined
  const label = (i: number) => {
    const { special, edges } = scoreBins
    const at = special === undefined ? i : i - 1
    if (at < 0) return String(special)
    return at < edges.length
      ? `to ${edges[at].toPrecision(2)}`
      : edges.length > 0
        ? `over ${edges[edges.length - 1].toPrecision(2)}`
        : 'others'
  }
  return {
    title: 'Scores: when the model was trained, and now',
    width,
    height,
    data: {
      values: scoreBins.before.flatMap((before, i) => [
        { bin: label(i), when: 'trained', share: before },
        { bin: label(i), when: 'now', share: scoreBins.now[i] },
      ]),
    },
    mark: 'bar',
    encoding: {
      x: { field: 'bin', type: 'nominal', sort: null, title: 'score', axis: { labelAngle: -45 } },
      xOffset: { field: 'when', sort: null },
      y: { field: 'share', type: 'quantitative', axis: { format: '%' }, title: 'share of transactions' },
      color: {
        field: 'when',
        type: 'nominal',
        sort: null,
        scale: { domain: ['trained', 'now'], range: ['#9aa5b4', colours.stable] },
        legend: { title: null, orient: 'bottom' },
      },
    },
  }
}

/** Indices by time, where there are at least two. */
function lines(title: string, points: { day: string; psi?: Record<string, number> }[]): TopLevelSpec | undefined {
  const values = points.flatMap(({ day, psi }) => Object.entries(psi ?? {}).map(([name, index]) => ({ day, name, index })))
  if (new Set(values.map(({ day }) => day)).size < 2) return undefined
  return {
    title,
    width,
    height,
    layer: [
      {
        data: { values },
        mark: { type: 'line', point: true },
        encoding: {
          x: { field: 'day', type: 'temporal', title: null },
          y: { field: 'index', type: 'quantitative', title: 'index', scale: { type: 'symlog', constant: 0.05 } },
          color: { field: 'name', type: 'nominal', sort: null, legend: { title: null, orient: 'bottom', columns: 2, labelLimit: 220 } },
        },
      },
      limits('y'),
    ],
  }
}

const byDay = ({ days }: Watched) => lines('Stability index of single days, which differ by themselves', days)
const byWindow = ({ kept = [] }: Watched) =>
  lines(
    'Stability index of seven days each, as the trainer kept it',
    kept.map(({ to, psi }) => ({ day: to, psi })),
  )

const meanScores = ({ days }: Watched): TopLevelSpec => ({
  title: 'Mean score, and transactions looked at, by day',
  width,
  height,
  data: { values: days },
  encoding: { x: { field: 'day', type: 'temporal', title: null } },
  layer: [
    {
      mark: { type: 'bar', color: '#dde3ea' },
      encoding: { y: { field: 'rows', type: 'quantitative', title: 'transactions' } },
    },
    {
      mark: { type: 'line', point: true, color: colours.stable },
      encoding: { y: { field: 'meanScore', type: 'quantitative', title: 'mean score' } },
    },
  ],
  resolve: { scale: { y: 'independent' } },
})

const calibrated = ({ calibration }: Watched) =>
  calibration && reliabilityPlot('Calibration: bins of equal weight, on the dashes if scores kept what they promised', calibration.bins)

/** One SVG each, of what there is to be drawn. */
export function driftPlots(of: Watched): Promise<string[]> {
  const plots = [farthest, scores, byWindow, byDay, meanScores, calibrated].map((plot) => plot(of))
  return Promise.all(plots.flatMap((plot) => (plot ? [svgOf(plot)] : [])))
}
