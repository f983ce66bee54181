/** Models beside the shipped one, for tests that change which one decides. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { type LayersModel, layers, type SymbolicTensor, model as tfModel } from '@tensorflow/tfjs-layers'
import { onTestFinished } from 'vitest'
import { type Manifest, modelFolder, readModel, saveModel } from '../../models/artefact.ts'
import { loadBackend } from '../../models/backend.ts'
import { featureNames } from '../../models/fold/features.ts'

type Change = (manifest: Manifest) => void

/** A folder with what `alter` makes of the shipped model, under another name; `change` may spoil its manifest. */
async function alteredModel(name: string, alter: (model: LayersModel) => LayersModel, change: Change = () => undefined): Promise<string> {
  await loadBackend('wasm')
  const { model, manifest } = await readModel(modelFolder('models/default'))
  const altered = alter(model)
  const directory = mkdtempSync(join(tmpdir(), 'assay-model-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const other = { ...manifest, name }
  change(other)
  await saveModel(directory, altered, other)
  if (altered !== model) altered.dispose()
  model.dispose()
  return directory
}

/** The weights of the last layer made anew. */
const withLast = (alter: (kernel: tf.Tensor, bias: tf.Tensor) => tf.Tensor[]) => (model: LayersModel) => {
  const last = model.layers[model.layers.length - 1]
  const [kernel, bias] = last.getWeights()
  tf.tidy(() => last.setWeights(alter(kernel, bias)))
  return model
}

/** The shipped model with logits that are higher by `shift`. */
export const shiftedModel = (shift: number, change?: Change): Promise<string> =>
  alteredModel(
    `shifted-${shift}`,
    withLast((kernel, bias) => [kernel, tf.add(bias, shift)]),
    change,
  )

/** A model that gives everything the same score, a half. */
export const blindModel = (change?: Change): Promise<string> =>
  alteredModel(
    'blind',
    withLast((kernel, bias) => [tf.zerosLike(kernel), tf.zerosLike(bias)]),
    change,
  )

/** One with far more weights than it needs, which says that nothing is fraud. */
export const slowModel = (): Promise<string> =>
  alteredModel('slow', () => {
    const inputs = layers.input({ shape: [featureNames.length] })
    const hidden = layers.dense({ units: 1024, activation: 'relu', useBias: true })
    const more = layers.dense({ units: 1024, activation: 'relu', useBias: true })
    const last = layers.dense({ units: 1, activation: 'sigmoid', useBias: true, kernelInitializer: 'zeros' })
    const made = tfModel({ inputs, outputs: last.apply(more.apply(hidden.apply(inputs))) as SymbolicTensor })
    last.setWeights([last.getWeights()[0], tf.tensor1d([-9])])
    return made
  })

/** One that takes fewer numbers than it says, so that scoring throws. */
export const brokenModel = (): Promise<string> =>
  alteredModel('broken', () => {
    const inputs = layers.input({ shape: [7] })
    return tfModel({ inputs, outputs: layers.dense({ units: 1, activation: 'sigmoid' }).apply(inputs) as SymbolicTensor })
  })
