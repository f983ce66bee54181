import { beforeAll, describe, expect, it } from 'vitest'
import { loadBackend } from '../../models/backend.ts'
import { encode, encodingOf } from '../../models/encoding.ts'
import { RampLayer } from '../../models/ramp-layer.ts'
import { randomOf } from '../../models/random.ts'
import { gradientOf, initialise, logitsOf, type Shape, shapeOf } from '../../models/training/perceptron.ts'

const encoding = encodingOf([[0, 1, 2, 5], [], [-3, -1], [0, 10, 20]])
const rows = 40
const random = randomOf(5)
const vectors = Float32Array.from({ length: rows * encoding.width }, () => 30 * random() - 5)
const labels = Float32Array.from({ length: rows }, () => (random() < 0.3 ? 1 : 0))
const weights = Float32Array.from({ length: rows }, () => 1 + random())

/** Logits as the layers say them, in double precision. */
function slowLogits({ layers, straight: beside }: Shape, parameters: Float32Array): number[] {
  const inputs = new Float32Array(rows * encoding.units)
  encode(encoding, vectors, rows, inputs)
  return Array.from({ length: rows }, (_, r) => {
    let x = [...inputs.subarray(r * encoding.units, (r + 1) * encoding.units)]
    let straight = 0
    layers.forEach(({ units, kernel, bias }, l) => {
      const y = Array.from({ length: units }, (_, u) =>
        x.reduce((sum, v, i) => sum + v * parameters[kernel + i * units + u], parameters[bias + u]),
      )
      if (l === 0 && beside) straight = y.pop() as number
      x = l === layers.length - 1 ? y : y.map((v) => Math.max(0, v))
    })
    return straight + (x[0] ?? 0)
  })
}
const slowLoss = (shape: Shape, parameters: Float32Array) =>
  slowLogits(shape, parameters).reduce(
    (sum, z, i) => sum + weights[i] * (Math.log1p(Math.exp(-Math.abs(z))) + Math.max(z, 0) - labels[i] * z),
    0,
  ) / rows

describe.each([
  { hidden: [], straight: false },
  { hidden: [6], straight: false },
  { hidden: [6], straight: true },
  { hidden: [6, 4], straight: false },
  { hidden: [6, 4], straight: true },
])('a perceptron with hidden layers $hidden, straight: $straight', ({ hidden, straight }) => {
  const shape = shapeOf(encoding.units, hidden, straight)
  const parameters = initialise(shape, 0.3, 3).map((p) => p + 0.2 * (random() - 0.5))
  const ramps = new RampLayer(encoding, shape.layers[0].units)
  beforeAll(async () => {
    await loadBackend('wasm')
    ramps.take(vectors, rows)
  })

  it('gives the logits that its layers give', () => {
    const slow = slowLogits(shape, parameters)
    for (const [i, z] of logitsOf(shape, parameters, ramps, rows).entries()) expect(z).toBeCloseTo(slow[i], 4)
  })

  it('has the gradient by which its loss changes', () => {
    const gradient = new Float32Array(shape.size)
    gradientOf(shape, parameters, { rows, ramps, labels, weights }, 0, random, gradient)
    const step = 1e-3
    for (let p = 0; p < shape.size; p++) {
      const moved = (by: number) => slowLoss(shape, parameters.with(p, parameters[p] + by))
      expect(gradient[p]).toBeCloseTo((moved(step) - moved(-step)) / (2 * step), 3)
    }
  })
})
