/**
 * The network as layers that plain TensorFlow.js loads: the encoding, and perceptrons side by side whose logits are averaged. What goes
 * straight into the logit passes the layers with relu as two units, what of it is above 0 and what is below: all members share them.
 */
import * as tf from '@tensorflow/tfjs-core'
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers'
import type { Encoding } from '../encoding.ts'
import type { Shape } from './perceptron.ts'

/** Units by which what goes straight passes a layer with relu: its positive and its negative part. */
const signs = [1, -1]

/** Kernels side by side: each reads the inputs that all have, in the first layer, or those of its own. What goes straight comes last. */
function joined(members: readonly Float32Array[], shape: Shape, layer: number): { kernel: tf.Tensor; bias: tf.Tensor } {
  const { inputs, units, kernel, bias } = shape.layers[layer]
  const first = layer === 0
  const last = layer === shape.layers.length - 1
  const n = members.length
  const deep = first && shape.straight ? units - 1 : units
  const passing = shape.straight ? signs : []
  const rows = first ? inputs : n * inputs + passing.length
  const columns = last ? 1 : n * deep + passing.length
  const joint = new Float32Array(rows * columns)
  const biases = new Float32Array(columns)
  const put = (parameters: Float32Array, unit: number, down: number, column: number, by: number) => {
    for (let i = 0; i < inputs; i++) joint[(down + i) * columns + column] += by * parameters[kernel + i * units + unit]
    biases[column] += by * parameters[bias + unit]
  }
  members.forEach((parameters, m) => {
    for (let u = 0; u < deep; u++) put(parameters, u, first ? 0 : m * inputs, last ? 0 : m * deep + u, last ? 1 / n : 1)
    if (first && last) put(parameters, 0, 0, 0, 1 / n)
    else if (first) for (const [i, sign] of passing.entries()) put(parameters, units - 1, 0, n * deep + i, sign / n)
  })
  if (!first) for (const [i, sign] of passing.entries()) joint[(n * inputs + i) * columns + (last ? 0 : n * deep + i)] = last ? sign : 1
  return { kernel: tf.tensor2d(joint, [rows, columns]), bias: tf.tensor1d(biases) }
}

function encodingKernel({ width, units, source, scale }: Encoding): tf.Tensor {
  const kernel = new Float32Array(width * units)
  for (let u = 0; u < units; u++) kernel[source[u] * units + u] = scale[u]
  return tf.tensor2d(kernel, [width, units])
}

/** Members are the parameters of perceptrons of one shape; one and more. */
export function networkOf(encoding: Encoding, shape: Shape, members: readonly Float32Array[]): LayersModel {
  const model = sequential()
  model.add(
    layers.dense({ name: 'encode', units: encoding.units, activation: 'hardSigmoid', inputShape: [encoding.width], trainable: false }),
  )
  const weights = [
    { kernel: encodingKernel(encoding), bias: tf.tensor1d(encoding.shift) },
    ...shape.layers.map((_, l) => joined(members, shape, l)),
  ]
  weights.slice(1).forEach(({ bias }, l) => {
    const last = l === shape.layers.length - 1
    model.add(layers.dense({ name: last ? 'probability' : `hidden_${l + 1}`, units: bias.size, activation: last ? 'sigmoid' : 'relu' }))
  })
  model.layers.forEach((layer, l) => {
    layer.setWeights([weights[l].kernel, weights[l].bias])
  })
  for (const { kernel, bias } of weights) tf.dispose([kernel, bias])
  return model
}
