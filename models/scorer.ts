/** Scoring: a batch of feature vectors in, probabilities of fraud out, by TensorFlow.js's kernels. */
import * as tf from '@tensorflow/tfjs-core'
import type { LayersModel } from '@tensorflow/tfjs-layers'
import { AssayError } from '../services/shared/errors.ts'
import { type Manifest, modelFolder, readModel } from './artefact.ts'
import { type BackendName, loadBackend } from './backend.ts'
import { encode } from './encoding.ts'
import { width } from './fold/features.ts'
import { checkFeatures, type ModelSource } from './parts.ts'
import { isRising, RampLayer } from './ramp-layer.ts'
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

const activations: Record<string, (x: tf.Tensor2D) => tf.Tensor2D> = {
  relu: tf.relu,
  tanh: tf.tanh,
  sigmoid: tf.sigmoid,
  linear: (x) => x,
}

function activationOf(name: string, directory: string): (x: tf.Tensor2D) => tf.Tensor2D {
  if (Object.hasOwn(activations, name)) return activations[name]
  const known = Object.keys(activations).join(', ')
  throw new AssayError('model_misfit', `The model in ${directory} has a layer with the activation ${name}; ${known} are scored`, {
    status: 422,
  })
}

type Forward = (features: Float32Array, rows: number) => tf.Tensor2D

/** The product with each layer in turn. */
function multiplied(dense: readonly Dense[], directory: string): (x: tf.Tensor2D) => tf.Tensor2D {
  const layers = dense.map(({ kernel, bias, activation }) => {
    const fused = activation === 'relu' ? ('relu' as const) : ('linear' as const)
    return { kernel, bias, fused, activated: activationOf(fused === 'relu' ? 'linear' : activation, directory) }
  })
  return (x) => {
    for (const { kernel, bias, fused, activated } of layers)
      x = activated(tf.fused.matMul({ a: x, b: kernel, bias, activation: fused }) as tf.Tensor2D)
    return x
  }
}

/** How vectors become what the last layer gives. Whatever cannot be computed is refused here, before the first vector comes. */
function forwardOf(dense: readonly Dense[], layers: readonly Layer[], directory: string): Forward {
  const encoding = encodingOfLayer(layers[0])
  if (encoding && isRising(encoding)) {
    const { units, kernel, bias, activation } = layers[1]
    const ramps = new RampLayer(encoding, units)
    ramps.load(kernel, bias)
    const activated = activationOf(activation, directory)
    const rest = multiplied(dense.slice(2), directory)
    return (features, rows) => {
      const outputs = new Float32Array(rows * units)
      ramps.take(features, rows)
      ramps.forward(rows, outputs)
      return rest(activated(tf.tensor2d(outputs, [rows, units])))
    }
  }
  // Ramps that overlap come from elsewhere than `encodingOf`.
  const rest = multiplied(encoding ? dense.slice(1) : dense, directory)
  return (features, rows) => {
    if (!encoding) return rest(tf.tensor2d(features.subarray(0, rows * width), [rows, width]))
    const inputs = new Float32Array(rows * encoding.units)
    encode(encoding, features, rows, inputs)
    return rest(tf.tensor2d(inputs, [rows, encoding.units]))
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
  try {
    checkFeatures(manifest, source.name)
    const dense = denseLayers(model, source.name)
    const layers = dense.map(plainLayer)
    const forward = forwardOf(dense, layers, source.name)
    return {
      manifest,
      backend,
      score: (features, rows) => tf.tidy(() => forward(features, rows).dataSync() as Float32Array),
      explain: createExplain(networkOf(layers)),
      stop: () => void model.dispose(),
    }
  } catch (error) {
    model.dispose()
    throw error
  }
}
