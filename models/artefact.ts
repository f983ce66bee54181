/** A model on disk: a folder with TensorFlow.js's model.json and weights.bin, and a manifest that says what it is. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers'
import { AssayError, messageOf } from '../services/shared/errors.ts'
import type { ModelBins } from './drift/bins.ts'
import type { Difference } from './evaluation/bootstrap.ts'
import type { Judgement, MetricName } from './evaluation/judge.ts'
import { corrupt, files, type ModelSource, readParts, sha } from './parts.ts'

export type Figures = { rows: number; frauds: number; auc: number; ap: number; ece: number; meanOverBase: number; recallAtBudget: number }
export type Manifest = {
  name: string
  createdAt: string
  /** Names in the order of the vector, and the hash of their definitions. */
  features: string[]
  featureSet: string
  hidden: number[]
  seed: number
  backend: string
  /** Who trained it. */
  by?: string
  data: Record<string, unknown>
  /** The choices by which it was trained. */
  training?: Record<string, unknown>
  /** On a later period that had no part in training or in any choice. */
  figures: { network: Figures; logisticRegression: Figures; baseRate: number }
  /** The network's figures on that period with intervals, by segments, and as curves. */
  judgement?: Judgement
  /** The network's figures less the logistic regression's. */
  difference?: Record<MetricName, Difference>
  /** What raises the scores of the alerts in that period: each feature's part of it, the greatest first. */
  leansOn?: { feature: string; share: number }[]
  /** What its rows and scores looked like, to tell drift by. */
  bins?: ModelBins
  /** Of model.json and weights.bin. */
  sha256: Record<string, string>
}

/** Writes the folder; the manifest last, so that a folder with one is whole. */
export async function saveModel(directory: string, model: LayersModel, manifest: Omit<Manifest, 'sha256'>): Promise<Manifest> {
  mkdirSync(directory, { recursive: true })
  let parts: tf.io.ModelArtifacts | undefined
  await model.save(
    tf.io.withSaveHandler((artifacts) => {
      parts = artifacts
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } })
    }),
  )
  const { modelTopology, weightSpecs, weightData } = parts as tf.io.ModelArtifacts
  const weights = Buffer.from(tf.io.CompositeArrayBuffer.join(weightData as ArrayBuffer))
  const topology = Buffer.from(
    `${JSON.stringify({ format: 'layers-model', generatedBy: 'assay', convertedBy: null, modelTopology, weightsManifest: [{ paths: [files[1]], weights: weightSpecs }] })}\n`,
  )
  const whole: Manifest = { ...manifest, sha256: { [files[0]]: sha(topology), [files[1]]: sha(weights) } }
  writeFileSync(join(directory, files[0]), topology)
  writeFileSync(join(directory, files[1]), weights)
  writeManifest(directory, whole)
  return whole
}

export const writeManifest = (directory: string, manifest: Manifest): void =>
  writeFileSync(join(directory, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)

/** A folder as a source. Its files that are not there throw `model_absent`, with what to do. */
export const modelFolder = (directory: string): ModelSource => ({
  name: directory,
  read: (file) =>
    readFile(join(directory, file)).catch((error: unknown) => {
      throw new AssayError(
        'model_absent',
        `There is no ${file} in ${directory}; set ASSAY_MODEL to a folder that npm run model -- train has made`,
        { cause: error },
      )
    }),
})

/** Reads a model and checks its bytes. Throws `model_corrupt`, with the file and what to do. */
export async function readModel(source: ModelSource): Promise<{ manifest: Manifest; model: LayersModel }> {
  const { manifest, modelTopology, weightSpecs, weightData } = await readParts(source)
  const specs = weightSpecs as tf.io.WeightsManifestEntry[]
  const model = await loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs: specs, weightData })).catch((error: unknown) => {
    throw corrupt(source, `TensorFlow.js does not take it (${messageOf(error)})`, error)
  })
  return { manifest, model }
}
