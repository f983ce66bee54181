/**
 * The first layer of a network: each feature through ramps, one between each two of its knots, that go from 0 to 1. Every unit looks at
 * one feature: hardSigmoid(x * scale + shift), which is clip(0.2 y + 0.5, 0, 1). As a product of matrices it would cost more than all
 * other layers together.
 */
export type Encoding = { width: number; units: number; source: Int32Array; scale: Float32Array; shift: Float32Array }

/** The encoding whose ramps lie between the rising knots of each feature. */
export function encodingOf(knots: readonly (readonly number[])[]): Encoding {
  const ramps = knots.flatMap((own, feature) => own.slice(1).map((to, i) => ({ feature, from: own[i], to })))
  return {
    width: knots.length,
    units: ramps.length,
    source: Int32Array.from(ramps, (r) => r.feature),
    scale: Float32Array.from(ramps, ({ from, to }) => 5 / (to - from)),
    shift: Float32Array.from(ramps, ({ from, to }) => -5 * (from / (to - from)) - 2.5),
  }
}

/** The encoding that a dense layer of `width` x `units` is, or undefined where a unit looks at more than one input. */
export function encodingIn(width: number, units: number, kernel: ArrayLike<number>, bias: Float32Array): Encoding | undefined {
  const source = new Int32Array(units)
  const scale = new Float32Array(units)
  for (let u = 0; u < units; u++) {
    for (let i = 0; i < width; i++) {
      const weight = kernel[i * units + u]
      if (weight === 0) continue
      if (scale[u] !== 0) return undefined
      source[u] = i
      scale[u] = weight
    }
  }
  return { width, units, source, scale, shift: bias }
}

/** What a unit makes of the value of its feature, rounding as the layer in float32 does. */
export function unitOf({ scale, shift }: Encoding, unit: number, value: number): number {
  const y = Math.fround(Math.fround(value * scale[unit]) + shift[unit])
  return Math.max(0, Math.min(1, 0.2 * y + 0.5))
}

/** Writes the encoded inputs of `rows` vectors, rounding as the layer in float32 does. */
export function encode({ width, units, source, scale, shift }: Encoding, features: Float32Array, rows: number, out: Float32Array): void {
  for (let r = 0, from = 0, to = 0; r < rows; r++, from += width) {
    for (let u = 0; u < units; u++, to++) {
      const y = Math.fround(Math.fround(features[from + source[u]] * scale[u]) + shift[u])
      out[to] = Math.max(0, Math.min(1, 0.2 * y + 0.5))
    }
  }
}
