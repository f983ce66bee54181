import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { saveModel } from '../../models/artefact.ts'
import { loadBackend } from '../../models/backend.ts'
import { type Dataset, fraud, labelLog } from '../../models/data/dataset.ts'
import { MatrixWriter } from '../../models/data/matrix.ts'
import { featureNames, featureSetHash, indexOf, width } from '../../models/fold/features.ts'
import { loadScorer } from '../../models/scorer.ts'
import { configOf } from '../../models/training/config.ts'
import { distinctOf, knotsOf } from '../../models/training/knots.ts'
import { trainModel } from '../../models/training/train-model.ts'

const day = 86_400_000

/** Frauds are a fifth of the rows where one of two features is high and the other is not, which no straight line tells. */
function crossed(rows: number, fraudShare = 0.2): Dataset {
  const writer = new MatrixWriter(width)
  const truth = new Uint8Array(rows)
  let state = 5
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
  for (let r = 0; r < rows; r++) {
    const [a, b] = [random(), random()]
    const vector = new Float32Array(width)
    vector[indexOf('amount')] = a * 10_000
    vector[indexOf('speed')] = b * 500
    writer.push(vector)
    truth[r] = a > 0.5 !== b > 0.5 && random() < fraudShare ? 1 : 0
  }
  const times = Float64Array.from({ length: rows }, (_, i) => 1.7e12 + (i / rows) * 60 * day)
  const frauds = [...truth.keys()].filter((row) => truth[row] === 1)
  return {
    description: { source: 'test' },
    features: featureNames,
    featureSet: featureSetHash,
    matrix: writer.finish(),
    rows,
    times,
    labels: labelLog(frauds.map((row) => ({ row, knownAt: times[row] + 5 * day, value: fraud, source: 3 }))),
    maturity: 5 * day,
    weights: new Float32Array(rows).fill(1),
    amounts: new Float64Array(rows).fill(1000),
    cards: Int32Array.from({ length: rows }, (_, i) => i % 100),
    segments: [],
  }
}

const config = configOf({ seed: 3, hidden: [16], epochs: 6, batch: 256, rate: 0.02, dropout: 0, smoothing: 0.9 })
const options = { name: 'test', backend: 'wasm', report: () => undefined }
const folder = () => {
  const directory = mkdtempSync(join(tmpdir(), 'assay-train-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

beforeAll(async () => {
  await loadBackend('wasm')
})

describe('training', () => {
  it('finds what a logistic regression cannot, with scores that are probabilities, and leaves no tensor but the model', async () => {
    const before = tf.memory().numTensors
    const { model, manifest } = await trainModel(crossed(12_000), config, options)
    const { network, logisticRegression } = manifest.figures
    expect(network.auc).toBeGreaterThan(logisticRegression.auc + 0.1)
    expect(network.meanOverBase).toBeGreaterThan(0.75)
    expect(network.meanOverBase).toBeLessThan(1.3)
    expect(manifest.bins?.features.amount?.edges).toHaveLength(9)
    expect(manifest.bins?.features.history?.shares).toEqual([1, 0])
    expect(manifest.bins?.score?.shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5)
    model.dispose()
    expect(tf.memory().numTensors - before).toBeLessThanOrEqual(0)
  })

  it.each([false, true])(
    'gives the same scores from the same seed, in training, from memory and from disk, with several members too, straight: %s',
    async (straight) => {
      const data = crossed(8000)
      const directory = folder()
      const short = { ...config, epochs: 2, members: 2, hidden: [16, 8], straight }
      const [one, two] = [await trainModel(data, short, options), await trainModel(data, short, options)]
      expect(two.scores.network).toEqual(one.scores.network)
      const rows = one.periods.test.rows.subarray(0, 50)
      const vectors = new Float32Array(50 * width)
      data.matrix.gather(rows, vectors)
      const layers = tf.tidy(() => [...(one.model.predictOnBatch(tf.tensor2d(vectors, [50, width])) as tf.Tensor).dataSync()])
      await saveModel(directory, one.model, one.manifest)
      const scorer = await loadScorer(directory, { backend: 'wasm' })
      scorer.score(vectors, 50).forEach((s, i) => {
        expect(Math.abs(s - layers[i])).toBeLessThan(1e-6)
        expect(Math.abs(s - one.scores.network[i])).toBeLessThan(1e-6)
      })
      scorer.stop()
      for (const { model } of [one, two]) model.dispose()
    },
  )

  it('goes on from its checkpoint after it was broken off, and ends as if it had not been', async () => {
    const data = crossed(8000)
    const checkpoint = join(folder(), 'progress')
    const whole = await trainModel(data, config, options)
    const stop = new AbortController()
    const lines: string[] = []
    const report = (line: string) => {
      lines.push(line)
      if (line.startsWith('network: epoch 3')) stop.abort(new Error('broken off'))
    }
    await expect(trainModel(data, config, { ...options, checkpoint, signal: stop.signal, report })).rejects.toThrow('broken off')
    const rest: string[] = []
    const resumed = await trainModel(data, config, { ...options, checkpoint, report: (line) => rest.push(line) })
    expect(rest.filter((line) => line.startsWith('network: epoch')).length).toBeLessThan(config.epochs)
    expect(resumed.scores.network).toEqual(whole.scores.network)
    for (const { model } of [whole, resumed]) model.dispose()
  })

  it('refuses to learn from too few frauds, from one class, from what is no number, and says what is wrong', async () => {
    const train = (data: Dataset) => trainModel(data, config, options)
    await expect(train(crossed(2000, 0.01))).rejects.toThrow(/has \d+ known frauds among \d+ transactions; at least 50 are needed/)
    const data = crossed(8000)
    const all = labelLog([...data.times.keys()].map((row) => ({ row, knownAt: data.times[row], value: fraud, source: 3 })))
    await expect(train({ ...data, labels: all })).rejects.toThrow(/are frauds; genuine ones are needed too/)
    const writer = new MatrixWriter(width)
    for (let row = 0; row < 8000; row++) writer.push(new Float32Array(width).fill(row === 7 ? Number.NaN : row))
    await expect(train({ ...data, matrix: writer.finish() })).rejects.toThrow(/not numbers: amount \(1 rows\), /)
    const same = new MatrixWriter(width)
    for (let row = 0; row < 8000; row++) same.push(new Float32Array(width))
    await expect(train({ ...data, matrix: same.finish() })).rejects.toThrow(/Every feature has the same value/)
    await expect(train({ ...data, maturity: 100 * day })).rejects.toThrow(/take a longer time/)
    const early = labelLog([{ row: 7, knownAt: data.times[7] - 1, value: fraud, source: 3 }])
    const frauds = labelLog([...data.labels.rows].map((row) => ({ row, knownAt: data.times[row] + 5 * day, value: fraud, source: 3 })))
    const both = labelLog(
      [early, frauds].flatMap((log) => [...log.rows].map((row, i) => ({ row, knownAt: log.knownAt[i], value: fraud, source: 3 }))),
    )
    await expect(train({ ...data, labels: both })).rejects.toMatchObject({ code: 'label_before_transaction', details: { labels: 1 } })
    expect(() => configOf({ epochs: 0, hidde: [3] })).toThrow(/epochs[\s\S]*hidde|hidde[\s\S]*epochs|faults/)
  })
})

describe('a feature that is the label', () => {
  const leaking = (data: Dataset): Dataset => {
    const writer = new MatrixWriter(width)
    const row = new Float32Array(width)
    const frauds = new Set(data.labels.rows)
    for (let r = 0; r < data.rows; r++) {
      data.matrix.read(r, r + 1, row)
      // Now and then it is wrong, and it falls where fraud rises.
      row[indexOf('gap')] = (frauds.has(r) && r % 200 !== 0 ? 1 : 5) + (r % 7) / 10
      writer.push(row)
    }
    return { ...data, matrix: writer.finish() }
  }

  it('ends the training by its name, unless it is trusted', async () => {
    const data = leaking(crossed(8000))
    await expect(trainModel(data, config, options)).rejects.toMatchObject({ code: 'feature_leaks_label', details: { features: ['gap'] } })
    const { model } = await trainModel(data, { ...config, epochs: 1 }, { ...options, trusted: ['gap'] })
    model.dispose()
  })
})

describe('knots', () => {
  const options = { leaves: 4, leafShare: 0, leafRows: 10, gain: 3, jumps: true }

  it('lie on both sides of where frauds begin and end, and nowhere in what tells nothing', () => {
    const values = Float32Array.from({ length: 10_000 }, (_, i) => i)
    const labels = Uint8Array.from(values, (v) => (v > 3000 && v <= 4000 && v % 2 === 0 ? 1 : 0))
    const knots = knotsOf(distinctOf(values, labels), options)
    expect(knots.filter((k) => [3001, 4001].some((edge) => Math.abs(k - edge) <= 2))).toEqual([3001, 3002, 4000, 4001])
    const between = knotsOf(distinctOf(values, labels), { ...options, jumps: false })
    expect(between.filter((k) => [3001, 4001].some((edge) => Math.abs(k - edge) <= 2))).toEqual([3001.5, 4000.5])
    expect(knotsOf(distinctOf(values, labels.fill(0)), options)).toHaveLength(2)
    expect(knotsOf(distinctOf(new Float32Array(100).fill(5), new Uint8Array(100)), options)).toEqual([])
  })

  it('order negative numbers below positive ones', () => {
    const { values } = distinctOf(Float32Array.of(-1, 2, -3, 0, 2, -0.5), new Uint8Array(6))
    expect([...values]).toEqual([-3, -1, -0.5, 0, 2])
  })
})
