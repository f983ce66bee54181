/** Seeded random numbers: the same seed gives the same stream on every machine. */
export type Random = {
  /** In [0, 1). */
  next(): number
  /** An integer in [0, n). */
  int(n: number): number
  between(low: number, high: number): number
  normal(): number
  /** Exponential with mean 1. */
  exponential(): number
  /** Log-normal with this median and this standard deviation of the logarithm. */
  logNormal(median: number, sigma: number): number
  chance(p: number): boolean
  pick<T>(list: readonly T[]): T
  /** Index drawn by cumulative weights that end at their sum. */
  weighted(cumulative: ArrayLike<number>): number
}

/** sfc32, seeded through splitmix32 so that neighbouring seeds have nothing in common. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const split = () => {
    state = (state + 0x9e3779b9) | 0
    let z = state ^ (state >>> 16)
    z = Math.imul(z, 0x21f0aaad)
    z ^= z >>> 15
    z = Math.imul(z, 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
  let [a, b, c, d] = [split(), split(), split(), 1]
  const next = () => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return (t >>> 0) / 4_294_967_296
  }
  for (let i = 0; i < 12; i++) next()
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
  return {
    next,
    int: (n) => Math.floor(next() * n),
    between: (low, high) => low + next() * (high - low),
    normal,
    exponential: () => -Math.log(1 - next()),
    logNormal: (median, sigma) => median * Math.exp(sigma * normal()),
    chance: (p) => next() < p,
    pick: (list) => list[Math.floor(next() * list.length)],
    weighted(cumulative) {
      const target = next() * cumulative[cumulative.length - 1]
      let low = 0
      let high = cumulative.length - 1
      while (low < high) {
        const middle = (low + high) >>> 1
        if (cumulative[middle] <= target) low = middle + 1
        else high = middle
      }
      return low
    },
  }
}
