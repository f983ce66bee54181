/** Plots of what was measured, as SVG. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TopLevelSpec } from 'vega-lite'
import { svgOf } from '../models/evaluation/svg.ts'

const [width, height] = [420, 260]

/** CPU time of a transaction, a bar for each process. */
export const cpuPlot = (cpuUs: Record<string, number>, title: string): TopLevelSpec => ({
  title,
  width,
  height: { step: 28 },
  data: { values: Object.entries(cpuUs).map(([process, us]) => ({ process, us })) },
  encoding: {
    y: { field: 'process', type: 'nominal', sort: null, title: null },
    x: { field: 'us', type: 'quantitative', title: 'CPU µs a transaction' },
  },
  layer: [
    { mark: { type: 'bar', color: '#1f5fa8' } },
    { mark: { type: 'text', align: 'left', dx: 4 }, encoding: { text: { field: 'us' } } },
  ],
})

export type LatencyPoint = { perSecond: number; to: string; percentile: string; ms: number }

/** Latency against rate, both stretched, a line for each percentile: whole to the decision, dashed to the alert. */
export const latencyPlot = (values: LatencyPoint[], title: string): TopLevelSpec => ({
  title,
  width,
  height,
  data: { values },
  mark: { type: 'line', point: true },
  encoding: {
    x: {
      field: 'perSecond',
      type: 'quantitative',
      scale: { type: 'log', nice: false },
      axis: { values: [...new Set(values.map((v) => v.perSecond))], format: ',' },
      title: 'transactions a second',
    },
    y: { field: 'ms', type: 'quantitative', scale: { type: 'log' }, title: 'ms from when it was due' },
    color: { field: 'percentile', type: 'nominal', sort: null, title: null },
    strokeDash: { field: 'to', type: 'nominal', sort: null, title: 'to the' },
  },
})

/** Writes each plot as `<name>.svg`; the directory is made. */
export async function writePlots(directory: string, plots: Record<string, TopLevelSpec>): Promise<void> {
  await mkdir(directory, { recursive: true })
  for (const [name, plot] of Object.entries(plots)) await writeFile(join(directory, `${name}.svg`), `${await svgOf(plot)}\n`)
}
