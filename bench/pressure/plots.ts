/** Lag and memory over time, in one picture. */
import type { TopLevelSpec } from 'vega-lite'
import type { Sample } from './watch.ts'

const width = 520

/** What waits above, memory below, coloured by phase. */
export function pressurePlot(samples: readonly Sample[]): TopLevelSpec {
  const x = { field: 'second', type: 'quantitative', title: 'seconds' } as const
  const color = { field: 'phase', type: 'nominal', sort: null, title: null } as const
  const line = (field: 'lag' | 'rssMb', title: string, height: number) => ({
    width,
    height,
    mark: { type: 'line' as const, strokeWidth: 2 },
    encoding: { x, y: { field, type: 'quantitative' as const, title }, color },
  })
  return {
    title: 'One bank sends twice the highest rate: what waits, and the memory of the detector',
    data: { values: [...samples] },
    vconcat: [line('lag', 'transactions that wait', 180), line('rssMb', 'memory, MB', 120)],
  }
}
