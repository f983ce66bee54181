/** Logs and metrics: one pino logger with redaction and one Prometheus registry for each process. */
import { type Logger, pino } from 'pino'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export type Telemetry = {
  logger: Logger
  metrics: Registry
  /** A counter; its name ends in `_total`. Bind labels once, outside loops. */
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>
  gauge<L extends string = never>(name: string, help: string, labels?: readonly L[]): Gauge<L>
  /** A histogram; its name ends in its unit, such as `_seconds`. */
  histogram<L extends string = never>(name: string, help: string, labels?: readonly L[], buckets?: number[]): Histogram<L>
}

const secrets = ['password', 'authorization', 'cookie', 'apiKey', 'secret', 'tokenKey', 'pan', 'cardNumber']

/** Makes the telemetry of a process. Metrics are asked for by name, so that two parts that name the same one share it. */
export function createTelemetry(name: string, level: string): Telemetry {
  const logger = pino({
    name,
    level,
    redact: { paths: secrets.flatMap((s) => [s, `*.${s}`, `req.headers.${s}`]), censor: '[redacted]' },
    base: { service: name, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
  })
  const metrics = new Registry()
  collectDefaultMetrics({ register: metrics })
  return {
    logger,
    metrics,
    counter: (metric, help, labels = []) =>
      (metrics.getSingleMetric(metric) as Counter<never>) ?? new Counter({ name: metric, help, labelNames: labels, registers: [metrics] }),
    gauge: (metric, help, labels = []) =>
      (metrics.getSingleMetric(metric) as Gauge<never>) ?? new Gauge({ name: metric, help, labelNames: labels, registers: [metrics] }),
    histogram: (metric, help, labels = [], buckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]) =>
      (metrics.getSingleMetric(metric) as Histogram<never>) ??
      new Histogram({ name: metric, help, labelNames: labels, buckets, registers: [metrics] }),
  }
}
