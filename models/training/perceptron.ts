/**
 * A perceptron with relu between its layers, on request beside a logistic regression on the same inputs (Cheng et al.: Wide & Deep
 * Learning for Recommender Systems, 2016): the sum of both is the logit. It is one array of parameters, with its loss and its gradient
 * written out. The products of matrices are TensorFlow.js's; the rest is done in place, since one optimiser step over a graph of small
 * tensors costs more than what it computes. Without hidden layers it is a logistic regression.
 */
import * as tf from '@tensorflow/tfjs-core'
import type { RampLayer } from '../ramp-layer.ts'
import { randomOf } from '../random.ts'

/** Kernel and bias of a layer within the parameters: `inputs` x `units` from `kernel` on, `units` from `bias` on. */
type Layer = { inputs: number; units: number; kernel: number; bias: number }

/** Where it is `straight`, the last unit of the first layer goes into the logit; the others, if there are any, go through the layers behind. */
export type Shape = { layers: Layer[]; size: number; straight: boolean }

/** Without hidden layers it is straight in any case. */
export function shapeOf(inputs: number, hidden: readonly number[], beside: boolean): Shape {
  const straight = beside || hidden.length === 0
  const layers: Layer[] = []
  let size = 0
  const add = (from: number, units: number) => {
    layers.push({ inputs: from, units, kernel: size, bias: size + from * units })
    size += (from + 1) * units
  }
  add(inputs, (hidden[0] ?? 0) + (straight ? 1 : 0))
  hidden.forEach((units, l) => {
    add(units, hidden[l + 1] ?? 1)
  })
  return { layers, size, straight }
}

/** Units of the first layer that go through the layers behind. */
const deepUnits = ({ layers: [{ units }], straight }: Shape): number => units - (straight ? 1 : 0)

/** Kernels by He for layers with relu, small ones for the last, none for what goes straight; the bias of the logit is that of the base rate, so that nothing has to be unlearnt. */
export function initialise(shape: Shape, baseRate: number, seed: number): Float32Array {
  const { layers, size, straight } = shape
  const random = randomOf(seed)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const parameters = new Float32Array(size)
  layers.forEach(({ inputs, units, kernel }, l) => {
    const spread = Math.sqrt((l === layers.length - 1 ? 1 : 2) / inputs)
    const drawn = l === 0 ? deepUnits(shape) : units
    for (let i = 0; i < inputs * units; i++) if (i % units < drawn) parameters[kernel + i] = spread * normal()
  })
  const { bias, units } = straight ? layers[0] : layers[layers.length - 1]
  parameters[bias + units - 1] = Math.log(baseRate / (1 - baseRate))
  return parameters
}

/** Kernel and bias of each layer behind the first. */
function tensorsOf({ layers }: Shape, parameters: Float32Array) {
  return layers.slice(1).map(({ inputs, units, kernel, bias }) => ({
    kernel: tf.tensor2d(parameters.subarray(kernel, kernel + inputs * units), [inputs, units]),
    bias: tf.tensor1d(parameters.subarray(bias, bias + units)),
  }))
}

/** What the first layer gives for the `rows` vectors that it took: for the layers behind, before its activation, and for the logit. */
function first(shape: Shape, parameters: Float32Array, ramps: RampLayer, rows: number) {
  const [{ kernel, bias, units }] = shape.layers
  const out = new Float32Array(rows * units)
  ramps.load(parameters.subarray(kernel, bias), parameters.subarray(bias, bias + units))
  ramps.forward(rows, out)
  const straight = new Float32Array(rows)
  if (!shape.straight) return { deep: out, straight }
  const deep = new Float32Array(rows * (units - 1))
  for (let r = 0; r < rows; r++) {
    deep.set(out.subarray(r * units, (r + 1) * units - 1), r * (units - 1))
    straight[r] = out[(r + 1) * units - 1]
  }
  return { deep, straight }
}

/** The logits of the `rows` vectors that `ramps` took. */
export function logitsOf(shape: Shape, parameters: Float32Array, ramps: RampLayer, rows: number): Float32Array {
  const { deep, straight } = first(shape, parameters, ramps, rows)
  if (shape.layers.length === 1) return straight
  return tf.tidy(() => {
    let x = tf.relu(tf.tensor2d(deep, [rows, shape.layers[1].inputs])) as tf.Tensor2D
    const layers = tensorsOf(shape, parameters)
    layers.forEach(({ kernel, bias }, l) => {
      x = tf.fused.matMul({ a: x, b: kernel, bias, activation: l === layers.length - 1 ? 'linear' : 'relu' }) as tf.Tensor2D
    })
    return (x.dataSync() as Float32Array).map((z, r) => z + straight[r])
  })
}

/** `ramps` took the `rows` vectors. */
export type Batch = { rows: number; ramps: RampLayer; labels: Float32Array; weights: Float32Array }

/**
 * Writes the gradient of the weighted mean log loss of a batch into `gradient`. Units of hidden layers are left out at random with
 * the probability `dropout`, the others made larger in turn.
 */
export function gradientOf(
  shape: Shape,
  parameters: Float32Array,
  { rows, ramps, labels, weights }: Batch,
  dropout: number,
  random: () => number,
  gradient: Float32Array,
): void {
  const { deep, straight } = first(shape, parameters, ramps, rows)
  const errorOf = (logits: Float32Array) => {
    const error = new Float32Array(rows)
    for (let i = 0; i < rows; i++) error[i] = (weights[i] * (1 / (1 + Math.exp(-logits[i])) - labels[i])) / rows
    return error
  }
  const [{ kernel, bias, units }, ...behind] = shape.layers
  const { error, back } =
    behind.length === 0
      ? { error: errorOf(straight), back: deep }
      : backThrough(shape, parameters, deep, (z) => errorOf(z.map((own, i) => own + straight[i])), dropout, random, gradient)
  const through = deepUnits(shape)
  const errors = new Float32Array(rows * units)
  for (let r = 0; r < rows; r++) {
    errors.set(back.subarray(r * through, (r + 1) * through), r * units)
    if (shape.straight) errors[r * units + units - 1] = error[r]
  }
  ramps.backward(errors, rows, gradient.subarray(kernel, bias))
  gradient.fill(0, bias, bias + units)
  for (let i = 0; i < errors.length; i++) gradient[bias + (i % units)] += errors[i]
}

/** Writes the gradient of all layers behind the first, and returns that of their logits and of what the first gave them. */
function backThrough(
  shape: Shape,
  parameters: Float32Array,
  deep: Float32Array,
  errorOf: (logits: Float32Array) => Float32Array,
  dropout: number,
  random: () => number,
  gradient: Float32Array,
): { error: Float32Array; back: Float32Array } {
  const [, ...sizes] = shape.layers
  const rows = deep.length / sizes[0].inputs
  return tf.tidy(() => {
    const layers = tensorsOf(shape, parameters)
    const seen: tf.Tensor2D[] = []
    const gates: tf.Tensor2D[] = []
    const pass = (y: tf.Tensor2D, units: number) => {
      const open = tf.cast(tf.greater(y, 0), 'float32') as tf.Tensor2D
      if (dropout > 0) {
        const mask = new Float32Array(rows * units)
        for (let i = 0; i < mask.length; i++) mask[i] = random() < dropout ? 0 : 1 / (1 - dropout)
        const kept = tf.tensor2d(mask, [rows, units])
        seen.push(tf.mul(y, kept))
        gates.push(tf.mul(open, kept))
      } else {
        seen.push(y)
        gates.push(open)
      }
    }
    pass(tf.relu(tf.tensor2d(deep, [rows, sizes[0].inputs])), sizes[0].inputs)
    for (let l = 0; l < layers.length - 1; l++) {
      const { kernel, bias } = layers[l]
      pass(tf.fused.matMul({ a: seen[l], b: kernel, bias, activation: 'relu' }) as tf.Tensor2D, sizes[l].units)
    }
    const { kernel, bias } = layers[layers.length - 1]
    const error = errorOf((tf.fused.matMul({ a: seen[layers.length - 1], b: kernel, bias }) as tf.Tensor2D).dataSync() as Float32Array)
    let behind: tf.Tensor2D = tf.tensor2d(error, [rows, 1])
    for (let l = layers.length - 1; l >= 0; l--) {
      gradient.set(tf.matMul(seen[l], behind, true, false).dataSync() as Float32Array, sizes[l].kernel)
      gradient.set(tf.sum(behind, 0).dataSync() as Float32Array, sizes[l].bias)
      behind = tf.mul(tf.matMul(behind, layers[l].kernel, false, true), gates[l])
    }
    return { error, back: behind.dataSync() as Float32Array }
  })
}

/** Adam with decoupled weight decay (Loshchilov and Hutter, 2019) over one array of parameters. */
export class AdamW {
  readonly #first: Float32Array
  readonly #second: Float32Array
  steps: number

  /** `first` and `second` are its moments, as they are after `steps`. */
  constructor(first: Float32Array, second: Float32Array, steps: number) {
    this.#first = first
    this.#second = second
    this.steps = steps
  }

  step(parameters: Float32Array, gradient: Float32Array, rate: number, decay: number): void {
    this.steps++
    const first = this.#first
    const second = this.#second
    const scale = (rate * Math.sqrt(1 - 0.999 ** this.steps)) / (1 - 0.9 ** this.steps)
    const keep = 1 - rate * decay
    for (let i = 0; i < parameters.length; i++) {
      const g = gradient[i]
      const m = 0.9 * first[i] + 0.1 * g
      const v = 0.999 * second[i] + 0.001 * g * g
      first[i] = m
      second[i] = v
      parameters[i] = parameters[i] * keep - (scale * m) / (Math.sqrt(v) + 1e-8)
    }
  }
}
