import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encode, encodingOf } from '../../models/encoding.ts'
import { isRising, RampLayer } from '../../models/ramp-layer.ts'

const number = fc.double({ min: -1e5, max: 1e5, noNaN: true })
const knots = fc.uniqueArray(fc.integer({ min: -20, max: 20 }), { minLength: 2, maxLength: 9 }).map((all) => all.sort((a, b) => a - b))
/** Some features have no ramp at all. */
const features = fc.array(fc.oneof(knots, fc.constant([])), { minLength: 1, maxLength: 6 }).filter((all) => all.some((k) => k.length > 0))
const columns = 5
const value = fc.oneof(fc.integer({ min: -21, max: 21 }), fc.double({ min: -21, max: 21, noNaN: true }), number)
const weight = fc.double({ min: -2, max: 2, noNaN: true })

describe('a layer of ramps', () => {
  it('gives what the encoded vectors give times the kernel, and the gradient of that', () => {
    fc.assert(
      fc.property(features, fc.infiniteStream(value), fc.infiniteStream(weight), (all, values, weights) => {
        const encoding = encodingOf(all)
        const { width, units } = encoding
        const take = (stream: Iterator<number>, n: number) => Float32Array.from({ length: n }, () => stream.next().value)
        const kernel = take(weights, units * columns)
        const bias = take(weights, columns)
        const layer = new RampLayer(encoding, columns)
        layer.load(kernel, bias)
        // More rows the second time, so that it grows.
        for (const rows of [2, 4]) {
          const vectors = take(values, rows * width)
          const inputs = new Float32Array(rows * units)
          encode(encoding, vectors, rows, inputs)
          const found = new Float32Array(rows * columns)
          layer.take(vectors, rows)
          layer.forward(rows, found)
          for (let r = 0; r < rows; r++)
            for (let c = 0; c < columns; c++) {
              let sum = bias[c]
              for (let u = 0; u < units; u++) sum += inputs[r * units + u] * kernel[u * columns + c]
              expect(Math.abs(found[r * columns + c] - sum)).toBeLessThan(1e-4)
            }
          const errors = take(weights, rows * columns)
          const gradient = new Float32Array(units * columns)
          layer.backward(errors, rows, gradient)
          for (let u = 0; u < units; u++)
            for (let c = 0; c < columns; c++) {
              let sum = 0
              for (let r = 0; r < rows; r++) sum += inputs[r * units + u] * errors[r * columns + c]
              expect(Math.abs(gradient[u * columns + c] - sum)).toBeLessThan(1e-4)
            }
        }
      }),
    )
  })

  it('is not made of ramps that overlap, fall or are of features in turn', () => {
    const encoding = encodingOf([
      [0, 1, 2],
      [3, 4],
    ])
    expect(isRising(encoding)).toBe(true)
    expect(isRising({ ...encoding, shift: Float32Array.of(-2.5, -5, encoding.shift[2]) })).toBe(false)
    expect(isRising({ ...encoding, scale: Float32Array.of(5, -5, 5) })).toBe(false)
    expect(isRising({ ...encoding, source: Int32Array.of(0, 1, 0) })).toBe(false)
  })
})
