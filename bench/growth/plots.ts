/** What grows, as plots. */
import type { TopLevelSpec } from 'vega-lite'
import type { GrowthReport } from './growth.ts'
import type { MemoryPoint } from './memory.ts'
import type { RowsPoint } from './rows.ts'
import type { Soak } from './soak.ts'

const [width, height] = [420, 240]

const rowsPlot = (points: readonly RowsPoint[]): TopLevelSpec => ({
  title: 'Throughput beside stored rows',
  width,
  height: { step: 34 },
  data: {
    values: points.flatMap(({ rows, cold, warm }) => [
      { rows: rows.toLocaleString('en'), histories: 'to be read', ...cold.perSecond },
      { rows: rows.toLocaleString('en'), histories: 'in memory', ...warm.perSecond },
    ]),
  },
  mark: 'bar',
  encoding: {
    y: { field: 'rows', type: 'ordinal', sort: null, title: 'stored rows' },
    yOffset: { field: 'histories', type: 'nominal', sort: null },
    x: { field: 'median', type: 'quantitative', title: 'transactions a second', axis: { format: ',' } },
    color: { field: 'histories', type: 'nominal', sort: null },
  },
})

const memoryPlot = (points: readonly MemoryPoint[]): TopLevelSpec => ({
  title: 'Memory of the detector by customers met',
  width,
  height,
  data: { values: points.map(({ customers, each, peakMb }) => ({ customers, peakMb, each: `about ${Math.round(each)}` })) },
  mark: { type: 'line', point: true },
  encoding: {
    x: {
      field: 'customers',
      type: 'quantitative',
      scale: { type: 'log', nice: false },
      axis: { values: [...new Set(points.map((p) => p.customers))], format: ',' },
      title: 'customers',
    },
    y: { field: 'peakMb', type: 'quantitative', title: 'MB at most' },
    color: { field: 'each', type: 'nominal', sort: null, title: 'transactions each' },
  },
})

const soakPlot = ({ minutes, perSecond }: Soak): TopLevelSpec => {
  const x = { field: 'minute', type: 'quantitative' as const, title: 'minute' }
  return {
    title: `${perSecond.toLocaleString('en')} transactions a second, half of the highest rate`,
    data: { values: minutes.map(({ minute, p50, p95, p99, rssMb }) => ({ minute, p50, p95, p99, memory: rssMb.assay })) },
    vconcat: [
      { width, height: 120, mark: 'line', encoding: { x, y: { field: 'memory', type: 'quantitative', title: 'detector, MB' } } },
      {
        width,
        height: 160,
        transform: [{ fold: ['p50', 'p95', 'p99'], as: ['percentile', 'ms'] }],
        mark: 'line',
        encoding: {
          x,
          y: { field: 'ms', type: 'quantitative', scale: { type: 'log' }, title: 'ms to the decision' },
          color: { field: 'percentile', type: 'nominal', title: null },
        },
      },
    ],
  }
}

/** The plots of what was measured, by the names of their files. */
export const growthPlots = ({ rows, memory, soak }: Pick<GrowthReport, 'rows' | 'memory' | 'soak'>): Record<string, TopLevelSpec> => ({
  ...(rows ? { 'growth-rows': rowsPlot(rows) } : {}),
  ...(memory ? { 'growth-memory': memoryPlot(memory) } : {}),
  ...(soak ? { 'growth-soak': soakPlot(soak) } : {}),
})
