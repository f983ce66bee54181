/**
 * A multilayer perceptron with relu between its layers and one logit at the end, as one array of parameters, with its loss and its
 * gradient written out. The products of matrices are TensorFlow.js's; the rest is done in place, since one optimiser step over a graph of
 * small tensors costs more than what it computes. Without hidden layers it is a logistic regression.
 */
import * as tf from '@tensorflow/tfjs-core'
import type { RampLayer } from '../ramp-layer.ts'
import { randomOf } from '../random.ts'

/** Kernel and bias of a layer within the parameters: `inputs` x `units` from `kernel` on, `units` from `bias` on. */
type Layer = { inputs: number; units: number; kernel: number; bias: number }

export type Shape = { layers: Layer[]; size: number }

export function shapeOf(inputs: number, hidden: readonly number[]): Shape {
  const layers: Layer[] = []
  let size = 0
  let before = inputs
  for (const units of [...hidden, 1]) {
    layers.push({ inputs: before, units, kernel: size, bias: size + before * units })
    size += (before + 1) * units
    before = units
  }
  return { layers, size }
}

/** Kernels by He for layers with relu, small ones for the last; the last bias is the logit of the base rate, so that nothing has to be unlearnt. */
export function initialise({ layers, size }: Shape, baseRate: number, seed: number): Float32Array {
  const random = randomOf(seed)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const parameters = new Float32Array(size)
  layers.forEach(({ inputs, units, kernel, bias }, l) => {
    const last = l === layers.length - 1
    const spread = last ? (layers.length === 1 ? 0 : Math.sqrt(1 / inputs)) : Math.sqrt(2 / inputs)
    for (let i = 0; i < inputs * units; i++) parameters[kernel + i] = spread * normal()
    if (last) parameters[bias] = Math.log(baseRate / (1 - baseRate))
  })
  return parameters
}

/** Kernel and bias of each layer behind the first. */
function tensorsOf({ layers }: Shape, parameters: Float32Array) {
  return layers.slice(1).map(({ inputs, units, kernel, bias }) => ({
    kernel: tf.tensor2d(parameters.subarray(kernel, kernel + inputs * units), [inputs, units]),
    bias: tf.tensor1d(parameters.subarray(bias, bias + units)),
  }))
}

/** What the first layer gives, before its activation, for the `rows` vectors that it took. */
function first({ layers: [{ kernel, bias, units }] }: Shape, parameters: Float32Array, ramps: RampLayer, rows: number): Float32Array {
  const out = new Float32Array(rows * units)
  ramps.load(parameters.subarray(kernel, bias), parameters.subarray(bias, bias + units))
  ramps.forward(rows, out)
  return out
}

/** The logits of the `rows` vectors that `ramps` took. */
export function logitsOf(shape: Shape, parameters: Float32Array, ramps: RampLayer, rows: number): Float32Array {
  const out = first(shape, parameters, ramps, rows)
  if (shape.layers.length === 1) return out
  let logits: Float32Array = out
  tf.tidy(() => {
    let x = tf.relu(tf.tensor2d(out, [rows, shape.layers[0].units])) as tf.Tensor2D
    const layers = tensorsOf(shape, parameters)
    layers.forEach(({ kernel, bias }, l) => {
      x = tf.fused.matMul({ a: x, b: kernel, bias, activation: l === layers.length - 1 ? 'linear' : 'relu' }) as tf.Tensor2D
    })
    logits = x.dataSync() as Float32Array
  })
  return logits
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
  const { layers } = shape
  const out = first(shape, parameters, ramps, rows)
  const errorOf = (logits: Float32Array) => {
    const error = new Float32Array(rows)
    for (let i = 0; i < rows; i++) error[i] = (weights[i] * (1 / (1 + Math.exp(-logits[i])) - labels[i])) / rows
    return error
  }
  const back = layers.length === 1 ? errorOf(out) : backThrough(shape, parameters, out, rows, errorOf, dropout, random, gradient)
  const [{ kernel, bias, units }] = layers
  ramps.backward(back, rows, gradient.subarray(kernel, bias))
  gradient.fill(0, bias, bias + units)
  for (let i = 0; i < back.length; i++) gradient[bias + (i % units)] += back[i]
}

/** Writes the gradient of all layers behind the first, and returns that of what the first gave. */
function backThrough(
  shape: Shape,
  parameters: Float32Array,
  out: Float32Array,
  rows: number,
  errorOf: (logits: Float32Array) => Float32Array,
  dropout: number,
  random: () => number,
  gradient: Float32Array,
): Float32Array {
  const sizes = shape.layers
  let back = out
  tf.tidy(() => {
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
    pass(tf.relu(tf.tensor2d(out, [rows, sizes[0].units])), sizes[0].units)
    for (let l = 0; l < layers.length - 1; l++) {
      const { kernel, bias } = layers[l]
      pass(tf.fused.matMul({ a: seen[l], b: kernel, bias, activation: 'relu' }) as tf.Tensor2D, sizes[l + 1].units)
    }
    const { kernel, bias } = layers[layers.length - 1]
    const logits = (tf.fused.matMul({ a: seen[layers.length - 1], b: kernel, bias }) as tf.Tensor2D).dataSync() as Float32Array
    let error: tf.Tensor2D = tf.tensor2d(errorOf(logits), [rows, 1])
    for (let l = layers.length - 1; l >= 0; l--) {
      gradient.set(tf.matMul(seen[l], error, true, false).dataSync() as Float32Array, sizes[l + 1].kernel)
      gradient.set(tf.sum(error, 0).dataSync() as Float32Array, sizes[l + 1].bias)
      error = tf.mul(tf.matMul(error, layers[l].kernel, false, true), gates[l])
    }
    back = error.dataSync() as Float32Array
  })
  return back
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
