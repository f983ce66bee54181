/** Small questions about numbers, asked for each transaction. */

/** Median of the first `n` values (n at least 1), which are left in another order. Quickselect (Hoare). */
export function medianOf(values: Float32Array, n: number): number {
  const upper = select(values, n, n >>> 1)
  if (n % 2 === 1) return upper
  let lower = values[0]
  for (let i = 1, end = n >>> 1; i < end; i++) if (values[i] > lower) lower = values[i]
  return (lower + upper) / 2
}

/** Puts the k-th smallest of the first `n` values at place k, what is smaller before it, and returns it. */
function select(values: Float32Array, n: number, k: number): number {
  let low = 0
  let high = n - 1
  while (low < high) {
    const pivot = values[(low + high) >>> 1]
    let i = low
    let j = high
    while (i <= j) {
      while (values[i] < pivot) i++
      while (values[j] > pivot) j--
      if (i > j) break
      const t = values[i]
      values[i] = values[j]
      values[j] = t
      i++
      j--
    }
    if (k <= j) high = j
    else if (k >= i) low = i
    else break
  }
  return values[k]
}

const least = 1000

/**
 * Whether an amount in minor units is round (at least 1,000, with at most two leading digits that are not zero) or just under (at most
 * 5 % under) 1, 2 or 5 times a power of ten.
 */
export function amongRound(amount: number): 'round' | 'under' | undefined {
  if (amount < least) return undefined
  let unit = 1
  while (amount >= unit * 100) unit *= 10
  if (amount % unit === 0) return 'round'
  const leading = amount / unit
  return (leading >= 19 && leading < 20) || (leading >= 47.5 && leading < 50) || leading >= 95 ? 'under' : undefined
}
