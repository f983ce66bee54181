/** Models beside the shipped one, for tests that change which one decides. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { onTestFinished } from 'vitest'
import { type Manifest, modelFolder, readModel, saveModel } from '../../models/artefact.ts'
import { loadBackend } from '../../models/backend.ts'

type Change = (manifest: Manifest) => void

/** A folder with the shipped model under another name, its last layer changed; `change` may spoil its manifest. */
async function changedModel(
  name: string,
  layer: (kernel: tf.Tensor, bias: tf.Tensor) => [kernel: tf.Tensor, bias: tf.Tensor],
  change: Change = () => undefined,
): Promise<string> {
  await loadBackend('wasm')
  const { model, manifest } = await readModel(modelFolder('models/default'))
  const last = model.layers[model.layers.length - 1]
  const [kernel, bias] = last.getWeights()
  tf.tidy(() => last.setWeights(layer(kernel, bias)))
  const directory = mkdtempSync(join(tmpdir(), 'assay-model-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const other = { ...manifest, name }
  change(other)
  await saveModel(directory, model, other)
  model.dispose()
  return directory
}

/** The shipped model with logits that are higher by `shift`. */
export const shiftedModel = (shift: number, change?: Change): Promise<string> =>
  changedModel(`shifted-${shift}`, (kernel, bias) => [kernel, tf.add(bias, shift)], change)

/** A model that gives everything the same score. */
export const blindModel = (change?: Change): Promise<string> =>
  changedModel('blind', (kernel, bias) => [tf.zerosLike(kernel), tf.zerosLike(bias)], change)
