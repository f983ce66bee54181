/** The network of a registered model as plain arrays: for who explains and does not score, and so needs no TensorFlow.js. */
import { AssayError } from '../../services/shared/errors.ts'
import { checkFeatures, type ModelSource, readParts } from '../parts.ts'
import { type Layer, type Network, networkOf } from './network.ts'

type Described = { class_name: string; config: { name: string; activation?: string } }

/** Reads it. Throws `model_corrupt` and `model_misfit`. */
export async function readNetwork(source: ModelSource): Promise<Network> {
  const { manifest, modelTopology, weightSpecs, weightData } = await readParts(source)
  checkFeatures(manifest, source.name)
  const { layers } = (modelTopology as { config: { layers: Described[] } }).config
  const dense = layers.filter((layer) => layer.class_name !== 'InputLayer')
  const plain = dense.every(({ class_name }) => class_name === 'Dense') && weightSpecs.every(({ dtype }) => dtype === 'float32')
  if (!plain || weightSpecs.length !== 2 * dense.length)
    throw new AssayError('model_misfit', `The model in ${source.name} is not made of dense layers with a bias in float32 alone`)
  // Weights that were not fitted come last, whatever layer they belong to.
  const weights = new Map<string, { shape: number[]; values: Float32Array }>()
  let at = 0
  for (const { name, shape } of weightSpecs) {
    const values = new Float32Array(
      weightData,
      at,
      shape.reduce((a, b) => a * b, 1),
    )
    at += values.byteLength
    weights.set(name, { shape, values })
  }
  const named = (name: string) => {
    const found = weights.get(name)
    if (!found) throw new AssayError('model_misfit', `The model in ${source.name} has no weights ${name}`)
    return found
  }
  return networkOf(
    dense.map(({ config }): Layer => {
      const { shape, values: kernel } = named(`${config.name}/kernel`)
      const activation = config.activation === 'hard_sigmoid' ? 'hardSigmoid' : (config.activation ?? 'linear')
      return { inputs: shape[0], units: shape[1], kernel, bias: named(`${config.name}/bias`).values, activation }
    }),
  )
}
