import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encode, encodingOf } from '../../models/encoding.ts'
import { createRampSums } from '../../models/ramp-sums.ts'

const number = fc.double({ min: -1e5, max: 1e5, noNaN: true })
const knots = fc.uniqueArray(fc.integer({ min: -20, max: 20 }), { minLength: 2, maxLength: 9 }).map((all) => all.sort((a, b) => a - b))
/** Some features have no ramp at all. */
const features = fc.array(fc.oneof(knots, fc.constant([])), { minLength: 1, maxLength: 6 }).filter((all) => all.some((k) => k.length > 0))
const columns = 5

describe('sums of ramps', () => {
  it('are what the encoded vectors give times the matrix', () => {
    const value = fc.oneof(fc.integer({ min: -21, max: 21 }), fc.double({ min: -21, max: 21, noNaN: true }), number)
    fc.assert(
      fc.property(
        features,
        fc.infiniteStream(value),
        fc.infiniteStream(fc.double({ min: -2, max: 2, noNaN: true })),
        (all, values, weights) => {
          const encoding = encodingOf(all)
          const { width, units } = encoding
          const take = (stream: Iterator<number>, n: number) => Float32Array.from({ length: n }, () => stream.next().value)
          const kernel = take(weights, units * columns)
          const bias = take(weights, columns)
          const rows = 4
          const vectors = take(values, rows * width)
          const inputs = new Float32Array(rows * units)
          encode(encoding, vectors, rows, inputs)
          const found = new Float32Array(rows * columns)
          createRampSums(encoding, kernel, bias)?.(vectors, rows, found)
          for (let r = 0; r < rows; r++)
            for (let c = 0; c < columns; c++) {
              let sum = bias[c]
              for (let u = 0; u < units; u++) sum += inputs[r * units + u] * kernel[u * columns + c]
              expect(Math.abs(found[r * columns + c] - sum)).toBeLessThan(1e-4)
            }
        },
      ),
    )
  })

  it('are not made of ramps that overlap or fall', () => {
    const { source, ...encoding } = encodingOf([[0, 1, 2]])
    const kernel = new Float32Array(2 * columns)
    const bias = new Float32Array(columns)
    const overlapping = { ...encoding, source, shift: Float32Array.of(-2.5, -5) }
    expect(createRampSums(overlapping, kernel, bias)).toBeUndefined()
    const falling = { ...encoding, source, scale: Float32Array.of(5, -5) }
    expect(createRampSums(falling, kernel, bias)).toBeUndefined()
  })
})
