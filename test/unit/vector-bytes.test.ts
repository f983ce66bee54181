import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { width } from '../../models/fold/features.ts'
import { packVector, unpackVector } from '../../models/fold/vector-bytes.ts'
import { bitsOf, someVectors, vectorOf } from '../helpers/vectors.ts'

const vectorOfBits = (bits: readonly number[]) => new Float32Array(Uint32Array.from(bits).buffer)
const bitsOfNumber = (n: number) => new Uint32Array(Float32Array.of(n).buffer)[0]
const anyBits = fc.nat({ max: 0xff_ff_ff_ff })
const edges = [
  0,
  -0,
  1,
  -1,
  255,
  256,
  65_535,
  65_536,
  2 ** 31,
  2 ** 32 + 512,
  0.5,
  1e-45,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
]
const nans = [0x7f_80_00_01, 0x7f_c0_00_00, 0xff_ff_ff_ff]
const feature = fc.oneof(anyBits, fc.constantFrom(...edges.map(bitsOfNumber), ...nans), fc.nat({ max: 70_000 }).map(bitsOfNumber))
const vector = fc.array(feature, { maxLength: 130 }).map(vectorOfBits)

describe('a packed vector', () => {
  it('comes back to the bit, whatever its floats are, and nothing beside it is touched', () => {
    fc.assert(
      fc.property(vector, fc.nat({ max: 5 }), (given, start) => {
        const around = new Float32Array(start + given.length + 2).fill(7)
        const packed = packVector(given, 0, given.length)
        expect(unpackVector(packed, around, start, given.length)).toBe(true)
        expect(bitsOf(around.subarray(start, start + given.length))).toBe(bitsOf(given))
        expect([...around.subarray(0, start), ...around.subarray(start + given.length)]).toEqual(Array(start + 2).fill(7))
        expect(packVector(around, start, given.length).equals(packed)).toBe(true)
      }),
    )
  })

  it('that lost bytes, got some or says another form is told, and leaves no number', () => {
    fc.assert(
      fc.property(
        vector,
        fc.uint8Array({ minLength: 1, maxLength: 5 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (given, more, part) => {
          const packed = packVector(given, 0, given.length)
          const shorter = packed.subarray(0, Math.floor(packed.length * part))
          const other = Buffer.from(packed)
          other[0]++
          for (const damaged of [shorter, Buffer.concat([packed, more]), other]) {
            const out = new Float32Array(given.length)
            expect(unpackVector(damaged, out, 0, given.length)).toBe(false)
            expect(out.every(Number.isNaN)).toBe(true)
          }
        },
      ),
    )
  })

  it('of a simulated bank takes less than two fifths of its floats', () => {
    const rows = 500
    const vectors = someVectors(rows)
    let bytes = 0
    for (let i = 0; i < rows; i++) {
      const packed = packVector(vectors, i * width, width)
      expect(bitsOf(vectorOf(packed))).toBe(bitsOf(vectors.subarray(i * width, (i + 1) * width)))
      bytes += packed.length
    }
    expect(bytes / rows).toBeLessThan((2 / 5) * width * Float32Array.BYTES_PER_ELEMENT)
  })
})
