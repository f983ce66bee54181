/** The files of a model, read and checked without TensorFlow.js. */
import { createHash } from 'node:crypto'
import { AssayError, messageOf } from '../services/shared/errors.ts'
import type { Manifest } from './artefact.ts'
import { featureNames, featureSetHash } from './fold/features.ts'

export const files = ['model.json', 'weights.bin'] as const
export const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** Where a model's files come from; `name` says it in errors. */
export type ModelSource = { name: string; read(file: string): Promise<Buffer> }

export type Parts = {
  manifest: Manifest
  modelTopology: object
  weightSpecs: { name: string; shape: number[]; dtype: string }[]
  weightData: ArrayBuffer
}

export const corrupt = ({ name }: ModelSource, what: string, cause?: unknown): AssayError =>
  new AssayError('model_corrupt', `The model in ${name} is damaged: ${what}. Take it from its source again`, { cause, status: 422 })

/** Reads a model's files and checks their bytes. Throws `model_corrupt`, with the file and what to do. */
export async function readParts(source: ModelSource): Promise<Parts> {
  const [manifestBytes, topology, weights] = await Promise.all(['manifest.json', ...files].map((file) => source.read(file)))
  let manifest: Manifest
  try {
    manifest = JSON.parse(manifestBytes.toString()) as Manifest
  } catch (error) {
    throw corrupt(source, `manifest.json is not JSON (${messageOf(error)})`, error)
  }
  if (!Array.isArray(manifest?.features)) throw corrupt(source, 'manifest.json names no features')
  for (const [name, bytes] of [
    [files[0], topology],
    [files[1], weights],
  ] as const) {
    if (sha(bytes) !== manifest.sha256?.[name]) throw corrupt(source, `${name} does not have the checksum that the manifest names`)
  }
  try {
    const { modelTopology, weightsManifest } = JSON.parse(topology.toString()) as {
      modelTopology: object
      weightsManifest: { weights: Parts['weightSpecs'] }[]
    }
    const weightData = weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.byteLength) as ArrayBuffer
    return { manifest, modelTopology, weightSpecs: weightsManifest[0].weights, weightData }
  } catch (error) {
    throw corrupt(source, `${files[0]} does not describe a model (${messageOf(error)})`, error)
  }
}

/** Refuses a model whose features are not those of this version, and names the difference. */
export function checkFeatures(manifest: Manifest, name: string): void {
  if (manifest.featureSet === featureSetHash) return
  const missing = featureNames.filter((n) => !manifest.features.includes(n))
  const unknown = manifest.features.filter((n) => !featureNames.includes(n))
  const difference =
    missing.length + unknown.length === 0
      ? 'the names are the same but their order or definitions are not'
      : `it lacks ${missing.join(', ') || 'none'}; it wants ${unknown.join(', ') || 'none'} besides`
  throw new AssayError(
    'model_misfit',
    `The model in ${name} was trained on other features: ${difference}. Train it anew: npm run model -- train`,
    {
      status: 422,
      details: { missing, unknown, featureSet: manifest.featureSet, expected: featureSetHash },
    },
  )
}
