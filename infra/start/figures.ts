/** The live line's figures, from the metrics of the services that run in this process: no query over the growing history. */
import type { Registry } from 'prom-client'

export type Figures = { decided: number; alerts: number; buckets: { le: number; count: number }[] }

type Sample = { value: number; labels: Record<string, string | number>; metricName?: string }

/** Reads the detector's counters and its latency histogram. */
export async function readFigures(metrics: Registry): Promise<Figures> {
  const all = (await metrics.getMetricsAsJSON()) as unknown as { name: string; values: Sample[] }[]
  const samples = (name: string) => all.find((m) => m.name === name)?.values ?? []
  const decisions = samples('assay_detector_decisions_total')
  const sum = (list: Sample[]) => list.reduce((total, s) => total + s.value, 0)
  return {
    decided: sum(decisions),
    alerts: sum(samples('assay_detector_alerts_total')),
    buckets: samples('assay_detector_latency_seconds')
      .filter((s) => s.metricName?.endsWith('_bucket'))
      .map((s) => ({ le: s.labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(s.labels.le), count: s.value })),
  }
}

/** Milliseconds below which the share `q` of what was observed between two readings lies: the upper edge of its bucket. */
export function latencyBetween(before: Figures, now: Figures, q: number): number {
  const counts = now.buckets.map(({ le, count }, i) => ({ le, count: count - (before.buckets[i]?.count ?? 0) }))
  const total = counts.at(-1)?.count ?? 0
  if (total === 0) return 0
  const found = counts.find(({ count }) => count >= q * total)
  return Math.round((found && Number.isFinite(found.le) ? found.le : (counts.at(-2)?.le ?? 0)) * 1000)
}
