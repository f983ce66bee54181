/** A model on disk: a folder with TensorFlow.js's model.json and weights.bin, and a manifest that says what it is. */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers'
import { AssayError, messageOf } from '../services/shared/errors.ts'
import type { ModelBins } from './drift/bins.ts'
import type { Difference } from './evaluation/bootstrap.ts'
import type { Judgement, MetricName } from './evaluation/judge.ts'

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

export const files = ['model.json', 'weights.bin'] as const
const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

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

/** Where a model's files come from; `name` says it in errors. */
export type ModelSource = { name: string; read(file: string): Promise<Buffer> }

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
  const corrupt = (what: string, cause?: unknown) =>
    new AssayError('model_corrupt', `The model in ${source.name} is damaged: ${what}. Take it from its source again`, {
      cause,
      status: 422,
    })
  const [manifestBytes, topology, weights] = await Promise.all(['manifest.json', ...files].map((file) => source.read(file)))
  let manifest: Manifest
  try {
    manifest = JSON.parse(manifestBytes.toString()) as Manifest
  } catch (error) {
    throw corrupt(`manifest.json is not JSON (${messageOf(error)})`, error)
  }
  if (!Array.isArray(manifest?.features)) throw corrupt('manifest.json names no features')
  for (const [name, bytes] of [
    [files[0], topology],
    [files[1], weights],
  ] as const) {
    if (sha(bytes) !== manifest.sha256?.[name]) throw corrupt(`${name} does not have the checksum that the manifest names`)
  }
  try {
    const { modelTopology, weightsManifest } = JSON.parse(topology.toString()) as {
      modelTopology: object
      weightsManifest: { weights: tf.io.WeightsManifestEntry[] }[]
    }
    const data = weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.byteLength) as ArrayBuffer
    const model = await loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs: weightsManifest[0].weights, weightData: data }))
    return { manifest, model }
  } catch (error) {
    throw corrupt(`TensorFlow.js does not take it (${messageOf(error)})`, error)
  }
}
