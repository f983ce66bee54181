/** How values are distributed. */
export type Spread = { p50: number; p95: number; p99: number; max: number }

/** Percentiles by the nearest rank; all 0 without values. Sorts the values in place. */
export function spreadOf(values: Float64Array): Spread {
  values.sort()
  const at = (share: number) => values[Math.max(0, Math.ceil(share * values.length) - 1)] ?? 0
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
}
