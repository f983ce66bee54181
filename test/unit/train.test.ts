import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { saveModel } from '../../models/artefact.ts'
import { loadBackend } from '../../models/backend.ts'
import type { Dataset } from '../../models/data/from-simulator.ts'
import { auc, averagePrecision, calibrationError, recallAt } from '../../models/evaluation/metrics.ts'
import { featureNames, featureSetHash, indexOf, width } from '../../models/fold/features.ts'
import { loadScorer } from '../../models/scorer.ts'
import { train } from '../../models/training/train.ts'

/** Frauds are a fifth of the rows where one of two features is high and the other is not, which no straight line tells. */
function crossed(rows: number, fraudShare = 0.2): Dataset {
  const features = new Float32Array(rows * width)
  const truth = new Uint8Array(rows)
  let state = 5
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
  for (let r = 0; r < rows; r++) {
    const [a, b] = [random(), random()]
    features[r * width + indexOf('amount')] = a * 10_000
    features[r * width + indexOf('speed')] = b * 500
    truth[r] = a > 0.5 !== b > 0.5 && random() < fraudShare ? 1 : 0
  }
  return { rows, features, times: Float64Array.from({ length: rows }, (_, i) => 1.7e12 + i * 1000), labels: truth, truth }
}

const options = { seed: 3, hidden: [16], epochs: 6, batch: 256, rate: 0.02, report: () => undefined }

beforeAll(async () => {
  await loadBackend('wasm')
})

describe('training', () => {
  it('finds what a logistic regression cannot, with scores that are probabilities, and leaves no tensor but the model', () => {
    const before = tf.memory().numTensors
    const { model, figures } = train(crossed(12_000), options)
    expect(figures.network.auc).toBeGreaterThan(figures.logisticRegression.auc + 0.1)
    expect(figures.network.meanOverBase).toBeGreaterThan(0.75)
    expect(figures.network.meanOverBase).toBeLessThan(1.3)
    model.dispose()
    expect(tf.memory().numTensors - before).toBeLessThanOrEqual(0)
  })

  it('gives the same scores from the same seed, from memory and from disk', async () => {
    const data = crossed(6000)
    const directory = mkdtempSync(join(tmpdir(), 'assay-train-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const short = { ...options, epochs: 2 }
    const made = [train(data, short), train(data, short)]
    const scores = made.map(({ model }) =>
      tf.tidy(() => [...(model.predictOnBatch(tf.tensor2d(data.features.subarray(0, 50 * width), [50, width])) as tf.Tensor).dataSync()]),
    )
    expect(scores[1]).toEqual(scores[0])
    const about = { name: 'test', createdAt: '2026-01-01T00:00:00Z', features: [...featureNames], featureSet: featureSetHash }
    await saveModel(directory, made[0].model, { ...about, hidden: [16], seed: 3, backend: 'wasm', data: {}, figures: made[0].figures })
    const scorer = await loadScorer(directory, { backend: 'wasm' })
    scorer.score(data.features, 50).forEach((s, i) => {
      expect(Math.abs(s - scores[0][i])).toBeLessThan(1e-6)
    })
    scorer.stop()
    for (const { model } of made) model.dispose()
  })

  it('refuses to learn from too few frauds, and says how many it needs', () => {
    expect(() => train(crossed(2000, 0.01), options)).toThrow(/has \d+ known frauds; at least 50 are needed/)
  })
})

describe('figures', () => {
  const scores = Float32Array.of(0.9, 0.8, 0.8, 0.2, 0.1)
  const truth = Uint8Array.of(1, 0, 1, 0, 0)

  it('count a tie as half in the AUC', () => {
    expect(auc(scores, truth)).toBeCloseTo(5.5 / 6)
    expect(auc(scores, Uint8Array.of(0, 0, 0, 0, 0))).toBeNaN()
  })

  it('are right where all is right', () => {
    expect(averagePrecision(Float32Array.of(0.9, 0.8, 0.1), Uint8Array.of(1, 1, 0))).toBe(1)
    expect(calibrationError(Float32Array.of(1, 1, 0), Uint8Array.of(1, 1, 0))).toBe(0)
    expect(recallAt(scores, truth, 0.2)).toBe(0.5)
  })
})
