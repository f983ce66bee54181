/** Scoring: a batch of feature vectors in, probabilities of fraud out, by TensorFlow.js's kernels. */
import * as tf from '@tensorflow/tfjs-core'
import type { LayersModel } from '@tensorflow/tfjs-layers'
import { AssayError } from '../services/shared/errors.ts'
import { type Manifest, type ModelSource, modelFolder, readModel } from './artefact.ts'
import { type BackendName, loadBackend } from './backend.ts'
import { type Encoding, encode } from './encoding.ts'
import { featureNames, featureSetHash, width } from './fold/features.ts'
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
/** Refuses a model whose features are not those of this version, and names the difference. */
function checkFeatures(manifest: Manifest, directory: string): void {
  if (manifest.featureSet === featureSetHash) return
  const missing = featureNames.filter((n) => !manifest.features.includes(n))
  const unknown = manifest.features.filter((n) => !featureNames.includes(n))
  const difference =
    missing.length + unknown.length === 0
      ? 'the names are the same but their order or definitions are not'
      : `it lacks ${missing.join(', ') || 'none'}; it wants ${unknown.join(', ') || 'none'} besides`
  throw new AssayError(
    'model_misfit',
    `The model in ${directory} was trained on other features: ${difference}. Train it anew: npm run model -- train`,
    {
      status: 422,
      details: { missing, unknown, featureSet: manifest.featureSet, expected: featureSetHash },
    },
  )
}

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
  const matrices = encoding ? dense.slice(1) : dense
  const fused = new Set(['relu', 'sigmoid', 'linear'])
  const encoded = (of: Encoding, features: Float32Array, rows: number) => {
    const inputs = new Float32Array(rows * of.units)
    encode(of, features, rows, inputs)
    return tf.tensor2d(inputs, [rows, of.units])
  }
  return {
    manifest,
    backend,
    score: (features, rows) =>
      tf.tidy(() => {
        let x: tf.Tensor2D = encoding ? encoded(encoding, features, rows) : tf.tensor2d(features.subarray(0, rows * width), [rows, width])
        for (const { kernel, bias, activation } of matrices) {
          const y = tf.fused.matMul({
            a: x,
            b: kernel,
            bias,
            activation: (fused.has(activation) ? activation : 'linear') as 'linear',
          }) as tf.Tensor2D
          x = activation === 'tanh' ? tf.tanh(y) : y
        }
        return x.dataSync() as Float32Array
      }),
    explain: createExplain(networkOf(layers)),
    stop: () => void model.dispose(),
  }
}
