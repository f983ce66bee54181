/**
 * The network: every feature is seen through three soft steps whose places come from the training data (a fixed dense layer with
 * softsign), then two hidden layers and one probability. Layers that plain TensorFlow.js loads, and nothing else.
 */
import * as tf from '@tensorflow/tfjs-core'
import { initializers, type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers'

export type Encoding = { centres: Float32Array; scales: Float32Array; steps: number }

const shares = [0.5, 0.9, 0.99]

/** Places and widths of the steps of each feature, from at most 50,000 rows of training data. */
export function encodingOf(features: Float32Array, rows: number, width: number): Encoding {
  const steps = shares.length
  const centres = new Float32Array(width * steps)
  const scales = new Float32Array(width * steps)
  const every = Math.max(1, Math.floor(rows / 50_000))
  for (let f = 0; f < width; f++) {
    const values: number[] = []
    for (let r = 0; r < rows; r += every) values.push(features[r * width + f])
    values.sort((a, b) => a - b)
    const at = (q: number) => values[Math.min(values.length - 1, Math.floor(q * values.length))]
    const range = at(0.999) - at(0.001)
    shares.forEach((share, s) => {
      centres[f * steps + s] = at(share)
      const near = at(Math.min(0.999, share + 0.08)) - at(Math.max(0.001, share - 0.25))
      scales[f * steps + s] = near > 0 ? near : range > 0 ? range : 1
    })
  }
  return { centres, scales, steps }
}

const he = (seed: number) => initializers.heNormal({ seed })

/** Builds it with an encoding and hidden layers of these sizes; none makes a logistic regression on the encoded features. */
export function createNetwork(width: number, encoding: Encoding, hidden: readonly number[], seed: number): LayersModel {
  const encoded = width * encoding.steps
  const kernel = new Float32Array(width * encoded)
  const bias = new Float32Array(encoded)
  for (let f = 0; f < width; f++) {
    for (let s = 0; s < encoding.steps; s++) {
      const j = f * encoding.steps + s
      kernel[f * encoded + j] = 1 / encoding.scales[j]
      bias[j] = -encoding.centres[j] / encoding.scales[j]
    }
  }
  const model = sequential()
  model.add(layers.dense({ name: 'encode', units: encoded, activation: 'softsign', inputShape: [width], trainable: false }))
  hidden.forEach((units, i) => {
    model.add(layers.dense({ name: `hidden_${i + 1}`, units, activation: 'relu', kernelInitializer: he(seed + i) }))
  })
  model.add(layers.dense({ name: 'probability', units: 1, activation: 'sigmoid', kernelInitializer: he(seed + 97) }))
  tf.tidy(() => model.layers[0].setWeights([tf.tensor2d(kernel, [width, encoded]), tf.tensor1d(bias)]))
  return model
}
