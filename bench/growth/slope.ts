/** Whether something stays as it is: the trend of a series that has outliers. */

/** The median of the slopes between any two values, by step (Theil 1950, Sen 1968): a third of the values may be off without effect. NaN for fewer than two. */
export function slopeOf(values: readonly number[]): number {
  const slopes: number[] = []
  for (let i = 0; i < values.length; i++) for (let j = i + 1; j < values.length; j++) slopes.push((values[j] - values[i]) / (j - i))
  if (slopes.length === 0) return Number.NaN
  slopes.sort((a, b) => a - b)
  return (slopes[(slopes.length - 1) >> 1] + slopes[slopes.length >> 1]) / 2
}

/** By which part of its median a series rises from its first value to its last, along its trend. Negative when it falls. */
export function riseOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const median = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
  return Math.round(((slopeOf(values) * (values.length - 1)) / median) * 1000) / 1000
}
