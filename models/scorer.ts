/** Scoring: a batch of feature vectors in, probabilities of fraud out, by TensorFlow.js's kernels. */
import * as tf from '@tensorflow/tfjs-core'
import type { LayersModel } from '@tensorflow/tfjs-layers'
import { AssayError } from '../services/shared/errors.ts'
import { type Manifest, modelFolder, readModel } from './artefact.ts'
import { type BackendName, loadBackend } from './backend.ts'
import { type Encoding, encode } from './encoding.ts'
import { width } from './fold/features.ts'
import { checkFeatures, type ModelSource } from './parts.ts'
import { createRampSums, type RampSums } from './ramp-sums.ts'
import { createExplain, type Explain } from './reasons/explain.ts'
import { encodingOfLayer, type Layer, networkOf } from './reasons/network.ts'

export type Scorer = {
  manifest: Manifest
  backend: BackendName
  /** One probability a row; `features` holds `width` float32 a row. */
  score(features: Float32Array, rows: number): Float32Array
  /** Why the given rows have their scores. */
  explain: Explain
  stop(): void
}

type Dense = { kernel: tf.Tensor2D; bias: tf.Tensor1D; activation: string }

/** The dense layers with their weights. The kernels are called directly, since layers cost more than they do on small batches. */
function denseLayers(model: LayersModel, directory: string): Dense[] {
  return model.layers
    .filter((layer) => layer.getClassName() !== 'InputLayer')
    .map((layer) => {
      const { activation } = layer.getConfig() as { activation?: string }
      const [kernel, bias] = layer.getWeights()
      if (layer.getClassName() !== 'Dense' || !kernel || !bias || !activation) {
        throw new AssayError(
          'model_misfit',
          `The model in ${directory} has a layer of class ${layer.getClassName()}; dense layers with a bias are scored`,
          { status: 422 },
        )
      }
      return { kernel: kernel as tf.Tensor2D, bias: bias as tf.Tensor1D, activation }
    })
}

const plainLayer = ({ kernel, bias, activation }: Dense): Layer => ({
  inputs: kernel.shape[0],
  units: kernel.shape[1],
  kernel: kernel.dataSync() as Float32Array,
  bias: bias.dataSync() as Float32Array,
  activation,
})

const activations = new Set(['relu', 'tanh', 'sigmoid', 'linear'])

function activated(x: tf.Tensor2D, activation: string): tf.Tensor2D {
  switch (activation) {
    case 'relu':
      return tf.relu(x)
    case 'tanh':
      return tf.tanh(x)
    case 'sigmoid':
      return tf.sigmoid(x)
    default:
      return x
  }
}

/** Loads the model of a folder or another source. `warn` hears when the native backend is not there. */
export async function loadScorer(
  from: string | ModelSource,
  options: { backend?: 'auto' | BackendName; warn?: (message: string) => void } = {},
): Promise<Scorer> {
  const backend = await loadBackend(options.backend, options.warn)
  const source = typeof from === 'string' ? modelFolder(from) : from
  const { manifest, model } = await readModel(source)
  checkFeatures(manifest, source.name)
  const dense = denseLayers(model, source.name)
  const layers = dense.map(plainLayer)
  const encoding = encodingOfLayer(layers[0])
  // Ramps that overlap come from elsewhere than `encodingOf`.
  const sums = encoding && createRampSums(encoding, layers[1].kernel, layers[1].bias)
  const encoded = (of: Encoding, features: Float32Array, rows: number) => {
    const inputs = new Float32Array(rows * of.units)
    encode(of, features, rows, inputs)
    return tf.tensor2d(inputs, [rows, of.units])
  }
  const summed = (of: RampSums, { units, activation }: Layer, features: Float32Array, rows: number) => {
    const outputs = new Float32Array(rows * units)
    of(features, rows, outputs)
    return activated(tf.tensor2d(outputs, [rows, units]), activation)
  }
  const first = (features: Float32Array, rows: number): tf.Tensor2D => {
    if (sums) return summed(sums, layers[1], features, rows)
    return encoding ? encoded(encoding, features, rows) : tf.tensor2d(features.subarray(0, rows * width), [rows, width])
  }
  const matrices = dense.slice(sums ? 2 : encoding ? 1 : 0)
  const strange = dense.slice(encoding ? 1 : 0).find(({ activation }) => !activations.has(activation))
  if (strange)
    throw new AssayError(
      'model_misfit',
      `The model in ${source.name} has a layer with the activation ${strange.activation}; ${[...activations].join(', ')} are scored`,
    )
  return {
    manifest,
    backend,
    score: (features, rows) =>
      tf.tidy(() => {
        let x = first(features, rows)
        for (const { kernel, bias, activation } of matrices) {
          const relu = activation === 'relu'
          const y = tf.fused.matMul({ a: x, b: kernel, bias, activation: relu ? 'relu' : 'linear' }) as tf.Tensor2D
          x = relu ? y : activated(y, activation)
        }
        return x.dataSync() as Float32Array
      }),
    explain: createExplain(networkOf(layers)),
    stop: () => void model.dispose(),
  }
}
