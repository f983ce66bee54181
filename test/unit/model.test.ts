import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Manifest, modelFolder, readModel } from '../../models/artefact.ts'
import { width } from '../../models/fold/features.ts'
import { loadScorer, type Scorer } from '../../models/scorer.ts'
import { someVectors } from '../helpers/vectors.ts'

const shipped = 'models/default'
const rows = 64
const vectors = someVectors(rows)
let scorer: Scorer

beforeAll(async () => {
  scorer = await loadScorer(shipped, { backend: 'wasm' })
})
afterAll(() => scorer.stop())

/** A copy of the shipped model that a test may damage. */
function copyOf(): { directory: string; change(file: string, by: (text: string) => string): void } {
  const directory = mkdtempSync(join(tmpdir(), 'assay-model-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  cpSync(shipped, directory, { recursive: true })
  return {
    directory,
    change: (file, by) => writeFileSync(join(directory, file), by(readFileSync(join(directory, file), 'latin1')), 'latin1'),
  }
}
const changeManifest = (by: (m: Manifest) => void) => (text: string) => {
  const manifest = JSON.parse(text) as Manifest
  by(manifest)
  return JSON.stringify(manifest)
}

describe('a scorer', () => {
  it('gives probabilities, the same as the layers model that plain TensorFlow.js loads', async () => {
    const scores = scorer.score(vectors, rows)
    const { model } = await readModel(modelFolder(shipped))
    const expected = tf.tidy(() => (model.predictOnBatch(tf.tensor2d(vectors, [rows, width])) as tf.Tensor).dataSync())
    model.dispose()
    expect(new Set(scores).size).toBeGreaterThan(rows / 4)
    scores.forEach((s, i) => {
      expect(s).toBeGreaterThanOrEqual(0)
      expect(s).toBeLessThanOrEqual(1)
      expect(Math.abs(s - expected[i])).toBeLessThan(1e-6)
    })
  })

  it('scores a transaction the same alone and in company', () => {
    const together = scorer.score(vectors, rows)
    for (let i = 0; i < rows; i++) {
      expect(Math.abs(scorer.score(vectors.subarray(i * width, (i + 1) * width), 1)[0] - together[i])).toBeLessThan(1e-6)
    }
  })

  it('leaves no tensor behind in 1,000 scores', () => {
    scorer.score(vectors, 4)
    const before = tf.memory().numTensors
    for (let i = 0; i < 1000; i++) scorer.score(vectors, 1 + (i % 16))
    expect(tf.memory().numTensors).toBe(before)
  })
})

describe('a model that cannot be trusted is refused', () => {
  const refused = (directory: string) => loadScorer(directory, { backend: 'wasm' })

  it('for another list of features, with the difference', async () => {
    const copy = copyOf()
    copy.change(
      'manifest.json',
      changeManifest((m) => {
        m.features = [...m.features.filter((f) => f !== 'speed'), 'moon_phase']
        m.featureSet = '0000000000000000'
      }),
    )
    await expect(refused(copy.directory)).rejects.toMatchObject({
      code: 'model_misfit',
      message: expect.stringMatching(/lacks speed.*wants moon_phase/) as string,
    })
  })

  it('for the same names with other definitions', async () => {
    const copy = copyOf()
    copy.change(
      'manifest.json',
      changeManifest((m) => {
        m.featureSet = '0000000000000000'
      }),
    )
    await expect(refused(copy.directory)).rejects.toMatchObject({
      code: 'model_misfit',
      message: expect.stringContaining('definitions') as string,
    })
  })

  it.each([
    ['weights.bin', (text: string) => `${text.slice(0, -1)}\u0001`, /weights\.bin does not have the checksum/],
    ['weights.bin', (text: string) => text.slice(0, 100), /weights\.bin does not have the checksum/],
    ['model.json', (text: string) => text.replace('relu', 'tanh'), /model\.json does not have the checksum/],
    ['manifest.json', (text: string) => text.slice(0, 40), /not JSON/],
    ['manifest.json', () => 'null', /names no features/],
    ['manifest.json', changeManifest((m) => Reflect.deleteProperty(m, 'sha256')), /checksum/],
  ])('for a damaged %s', async (file, damage, message) => {
    const copy = copyOf()
    copy.change(file, damage)
    await expect(refused(copy.directory)).rejects.toMatchObject({
      code: 'model_corrupt',
      message: expect.stringMatching(message) as string,
    })
  })

  it('for an absent folder, with the way to make one', async () => {
    await expect(refused('/nowhere')).rejects.toMatchObject({
      code: 'model_absent',
      message: expect.stringContaining('ASSAY_MODEL') as string,
    })
  })
})
