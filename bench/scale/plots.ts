/** What a transaction costs by the number of detectors, as a plot. */
import type { TopLevelSpec } from 'vega-lite'
import type { ScalePoint } from './scale.ts'

export const scalePlot = (points: readonly Pick<ScalePoint, 'processes' | 'cpuUs'>[]): TopLevelSpec => ({
  title: 'CPU time of a transaction by the number of detectors',
  width: 420,
  height: { step: 34 },
  data: {
    values: points.flatMap(({ processes, cpuUs }) => Object.entries(cpuUs).map(([process, us]) => ({ processes, process, us }))),
  },
  mark: 'bar',
  encoding: {
    y: { field: 'processes', type: 'ordinal', title: 'detectors' },
    x: { field: 'us', type: 'quantitative', stack: true, title: 'CPU µs a transaction' },
    color: { field: 'process', type: 'nominal', sort: null, title: null },
  },
})
