/** Rates and CPU time of Assay and Flink as plots. */
import type { TopLevelSpec } from 'vega-lite'
import type { Summary } from './summary.ts'

const [width, step] = [420, 34]
const named = { field: 'name', type: 'nominal' as const, sort: null, title: null }

const rates = (results: readonly Summary[]): TopLevelSpec => ({
  title: 'Decided a second over a backlog: median, least and most of the rounds',
  width,
  height: { step },
  data: { values: results.map(({ name, perSecond }) => ({ name, ...perSecond })) },
  encoding: { y: named },
  layer: [
    {
      mark: { type: 'bar', color: '#1f5fa8' },
      encoding: { x: { field: 'median', type: 'quantitative', title: 'transactions a second', axis: { format: ',' } } },
    },
    {
      mark: { type: 'rule', color: '#222', strokeWidth: 2 },
      encoding: { x: { field: 'min', type: 'quantitative' }, x2: { field: 'max' } },
    },
  ],
})

const cpu = (results: readonly Summary[]): TopLevelSpec => ({
  title: 'CPU time of a transaction, by process',
  width,
  height: { step },
  data: {
    values: results.flatMap(({ name, cpuUs }) =>
      Object.entries(cpuUs).map(([process, us]) => ({
        name,
        us,
        process: process === 'assay' || process === 'flink' ? 'its own' : process,
      })),
    ),
  },
  mark: 'bar',
  encoding: {
    y: named,
    x: { field: 'us', type: 'quantitative', stack: true, title: 'CPU µs a transaction' },
    color: { field: 'process', type: 'nominal', sort: null, title: null },
  },
})

const latency = (results: readonly Summary[]): TopLevelSpec => ({
  title: `Latency at 1,000 transactions a second: medians of the rounds`,
  width,
  height: { step },
  data: {
    values: results.flatMap(({ name, latencyMs }) =>
      latencyMs ? (['p50', 'p95', 'p99'] as const).map((percentile) => ({ name, percentile, ms: latencyMs[percentile].median })) : [],
    ),
  },
  mark: { type: 'point', filled: true, size: 70 },
  encoding: {
    y: named,
    x: { field: 'ms', type: 'quantitative', scale: { type: 'log' }, title: 'ms from when it was due to its decision' },
    color: { field: 'percentile', type: 'nominal', sort: null, title: null },
  },
})

/** The plots by the names of their files. */
export const peersPlots = (results: readonly Summary[]): Record<string, TopLevelSpec> => ({
  'peers-rates': rates(results),
  'peers-cpu': cpu(results),
  ...(results.every((r) => r.latencyMs) ? { 'peers-latency': latency(results) } : {}),
})
