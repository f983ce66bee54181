/** Models beside the shipped one, for tests that change which one decides. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { onTestFinished } from 'vitest'
import { type Manifest, modelFolder, readModel, saveModel } from '../../models/artefact.ts'
import { loadBackend } from '../../models/backend.ts'

/** A folder with the shipped model whose logits are higher by `shift`, under another name; `change` may spoil its manifest. */
export async function shiftedModel(shift: number, change: (manifest: Manifest) => void = () => undefined): Promise<string> {
  await loadBackend('wasm')
  const { model, manifest } = await readModel(modelFolder('models/default'))
  const last = model.layers[model.layers.length - 1]
  const [kernel, bias] = last.getWeights()
  const moved = tf.add(bias, shift)
  last.setWeights([kernel, moved])
  moved.dispose()
  const directory = mkdtempSync(join(tmpdir(), 'assay-model-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const other = { ...manifest, name: `shifted-${shift}` }
  change(other)
  await saveModel(directory, model, other)
  model.dispose()
  return directory
}
