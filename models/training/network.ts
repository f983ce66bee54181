/** The network as layers that plain TensorFlow.js loads: the encoding, and perceptrons side by side whose logits are averaged. */
import * as tf from '@tensorflow/tfjs-core'
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers'
import type { Encoding } from '../encoding.ts'
import type { Shape } from './perceptron.ts'

/** Kernels side by side: each reads the inputs that `shared` says all have, or those of its own. */
function joined(members: readonly Float32Array[], shape: Shape, layer: number): { kernel: tf.Tensor; bias: tf.Tensor } {
  const { inputs, units, kernel, bias } = shape.layers[layer]
  const last = layer === shape.layers.length - 1
  const shared = layer === 0
  const n = members.length
  const rows = shared ? inputs : n * inputs
  const columns = last ? 1 : n * units
  const weight = last ? 1 / n : 1
  const joint = new Float32Array(rows * columns)
  const biases = new Float32Array(columns)
  members.forEach((parameters, m) => {
    const down = shared ? 0 : m * inputs
    const right = last ? 0 : m * units
    for (let i = 0; i < inputs; i++)
      for (let u = 0; u < units; u++) joint[(down + i) * columns + right + u] += weight * parameters[kernel + i * units + u]
    for (let u = 0; u < units; u++) biases[right + u] += weight * parameters[bias + u]
  })
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
  const n = members.length
  model.add(
    layers.dense({ name: 'encode', units: encoding.units, activation: 'hardSigmoid', inputShape: [encoding.width], trainable: false }),
  )
  shape.layers.forEach(({ units }, l) => {
    const last = l === shape.layers.length - 1
    model.add(
      layers.dense({ name: last ? 'probability' : `hidden_${l + 1}`, units: last ? 1 : n * units, activation: last ? 'sigmoid' : 'relu' }),
    )
  })
  const weights = [
    { kernel: encodingKernel(encoding), bias: tf.tensor1d(encoding.shift) },
    ...shape.layers.map((_, l) => joined(members, shape, l)),
  ]
  model.layers.forEach((layer, l) => {
    layer.setWeights([weights[l].kernel, weights[l].bias])
  })
  for (const { kernel, bias } of weights) tf.dispose([kernel, bias])
  return model
}
