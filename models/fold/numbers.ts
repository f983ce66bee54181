/** Small questions about numbers, asked for each transaction. */

// The bits of a float32, there and back.
const float = new Float32Array(1)
const bits = new Int32Array(float.buffer)

function numberOf(pattern: number): number {
  bits[0] = pattern
  return float[0]
}

/** Median of `n` numbers (n at least 1), given as the bits of float32, none of them negative; they are left in another order. */
export function medianOf(values: Int32Array, n: number): number {
  const upper = select(values, n, n >>> 1)
  if (n % 2 === 1) return numberOf(upper)
  let lower = values[0]
  for (let i = 1, end = n >>> 1; i < end; i++) if (values[i] > lower) lower = values[i]
  return (numberOf(lower) + numberOf(upper)) / 2
}

/**
 * Puts the k-th smallest of the first `n` values at place k, what is no greater before it, and returns it. Quickselect that moves every
 * value and counts instead of branching, since no processor foresees which of two amounts is the smaller one.
 */
function select(values: Int32Array, n: number, k: number): number {
  let low = 0
  let high = n
  while (high - low > 1) {
    const pivot = middleOf(values[low], values[(low + high) >>> 1], values[high - 1])
    const equal = parted(values, low, high, pivot)
    if (k < equal) {
      high = equal
      continue
    }
    low = parted(values, equal, high, pivot + 1)
    if (k < low) return pivot
  }
  return values[k]
}

function middleOf(a: number, b: number, c: number): number {
  if (a < b) return b < c ? b : Math.max(a, c)
  return a < c ? a : Math.max(b, c)
}

/** Puts what is below `bound` first, from `low` on. Returns where the others begin. */
function parted(values: Int32Array, low: number, high: number, bound: number): number {
  let to = low
  for (let i = low; i < high; i++) {
    const v = values[i]
    values[i] = values[to]
    values[to] = v
    to += (v - bound) >>> 31
  }
  return to
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
