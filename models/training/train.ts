/**
 * Training: plain log loss, by Adam with a falling rate, stopped early on a later period. Nothing is reweighted or resampled, so that a
 * score is a probability. Choices are made on the validation period; the test period is looked at once, for the manifest.
 */
import * as tf from '@tensorflow/tfjs-core'
import type { LayersModel } from '@tensorflow/tfjs-layers'
import { AssayError } from '../../services/shared/errors.ts'
import type { Figures } from '../artefact.ts'
import type { Dataset } from '../data/from-simulator.ts'
import { figuresOf } from '../evaluation/metrics.ts'
import { width } from '../fold/features.ts'
import { createNetwork, encodingOf } from './network.ts'

export type TrainOptions = { seed: number; hidden: number[]; epochs: number; batch: number; rate: number; report: (line: string) => void }
export type Trained = {
  model: LayersModel
  figures: { network: Figures; logisticRegression: Figures; baseRate: number }
  periods: Record<string, unknown>
}

type Period = { from: number; to: number }

/** Shares of the time that the stream covers: training, then validation, then test. What lies in between is never mixed. */
const shares = { train: 0.55, validation: 0.7 }

const fewestFrauds = 50

/** Rows are in order of time, so a period is a range of rows. */
function periodsOf(data: Dataset): { train: Period; validation: Period; test: Period } {
  const first = data.times[0]
  const length = data.times[data.rows - 1] - first
  const rowAt = (share: number) => {
    let row = 0
    while (row < data.rows && data.times[row] < first + share * length) row++
    return row
  }
  const [a, b] = [rowAt(shares.train), rowAt(shares.validation)]
  return { train: { from: 0, to: a }, validation: { from: a, to: b }, test: { from: b, to: data.rows } }
}

/** Scores of a range of rows, a few thousand at a time. */
function scoresOf(model: LayersModel, data: Dataset, { from, to }: Period): Float32Array {
  const scores = new Float32Array(to - from)
  for (let r = from; r < to; r += 8192) {
    const n = Math.min(8192, to - r)
    scores.set(
      tf.tidy(
        () =>
          (
            model.predictOnBatch(tf.tensor2d(data.features.subarray(r * width, (r + n) * width), [n, width])) as tf.Tensor
          ).dataSync() as Float32Array,
      ),
      r - from,
    )
  }
  return scores
}

function logLoss(scores: Float32Array, truth: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < scores.length; i++) sum -= Math.log(Math.max(1e-7, truth[i] ? scores[i] : 1 - scores[i]))
  return sum / scores.length
}

/** The rows of 0 to n - 1 in an order that the seed decides. */
function shuffled(n: number, seed: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  let state = seed >>> 0 || 1
  for (let i = n - 1; i > 0; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const j = Math.floor((state / 4_294_967_296) * (i + 1))
    const t = order[i]
    order[i] = order[j]
    order[j] = t
  }
  return order
}

/** Fits one network and leaves it as it was best on the validation period. */
function fitNetwork(name: string, model: LayersModel, data: Dataset, train: Period, validation: Period, options: TrainOptions): void {
  const rows = train.to - train.from
  const steps = Math.ceil(rows / options.batch)
  const variables = model.trainableWeights.map((w) => w.read() as tf.Variable)
  const optimizer = tf.train.adam(options.rate)
  const x = new Float32Array(options.batch * width)
  const y = new Float32Array(options.batch)
  const truth = data.labels.subarray(validation.from, validation.to)
  let best = Number.POSITIVE_INFINITY
  let kept: tf.Tensor[] = []
  let since = 0
  const began = Date.now()
  for (let epoch = 0; epoch < options.epochs && since < 4; epoch++) {
    const order = shuffled(rows, options.seed + epoch)
    for (let step = 0; step < steps; step++) {
      const n = Math.min(options.batch, rows - step * options.batch)
      for (let i = 0; i < n; i++) {
        const row = train.from + order[step * options.batch + i]
        x.set(data.features.subarray(row * width, (row + 1) * width), i * width)
        y[i] = data.labels[row]
      }
      const progress = (epoch * steps + step) / (options.epochs * steps)
      ;(optimizer as unknown as { learningRate: number }).learningRate = options.rate * 0.5 * (1 + Math.cos(Math.PI * progress))
      tf.tidy(() => {
        const input = tf.tensor2d(x.subarray(0, n * width), [n, width])
        const target = tf.tensor2d(y.subarray(0, n), [n, 1])
        optimizer.minimize(
          () => {
            const p = tf.clipByValue(model.apply(input, { training: true }) as tf.Tensor, 1e-6, 1 - 1e-6)
            return tf.neg(tf.mean(tf.add(tf.mul(target, tf.log(p)), tf.mul(tf.sub(1, target), tf.log(tf.sub(1, p)))))) as tf.Scalar
          },
          false,
          variables,
        )
      })
    }
    const loss = logLoss(scoresOf(model, data, validation), truth)
    const better = loss < best - 1e-6
    if (better) {
      best = loss
      since = 0
      tf.dispose(kept)
      kept = variables.map((v) => tf.clone(v))
    } else since++
    const left = Math.round(((Date.now() - began) / (epoch + 1) / 1000) * (options.epochs - epoch - 1))
    options.report(
      `${name}: epoch ${epoch + 1} of ${options.epochs}, validation log loss ${loss.toFixed(6)}${better ? ' (best)' : ''}, at most ${left} s left`,
    )
  }
  variables.forEach((v, i) => {
    v.assign(kept[i])
  })
  tf.dispose(kept)
  optimizer.dispose()
}

/**
 * Trains the network and, beside it, a logistic regression on the same encoded features. Throws `too_few_frauds` with how many are
 * needed when there is too little to learn from.
 */
export function train(data: Dataset, options: TrainOptions): Trained {
  const { train, validation, test } = periodsOf(data)
  const frauds = (p: Period) => data.labels.subarray(p.from, p.to).reduce((a: number, b) => a + b, 0)
  for (const [name, period] of [
    ['training', train],
    ['validation', validation],
  ] as const) {
    if (frauds(period) < fewestFrauds) {
      throw new AssayError(
        'too_few_frauds',
        `The ${name} period has ${frauds(period)} known frauds; at least ${fewestFrauds} are needed. Take a longer stream`,
        {
          details: { period: name, frauds: frauds(period), needed: fewestFrauds },
        },
      )
    }
  }
  const encoding = encodingOf(data.features.subarray(train.from * width, train.to * width), train.to - train.from, width)
  const truth = data.truth.subarray(test.from, test.to)
  const fitted = (name: string, hidden: number[]) => {
    const model = createNetwork(width, encoding, hidden, options.seed)
    fitNetwork(name, model, data, train, validation, options)
    return { model, figures: figuresOf(scoresOf(model, data, test), truth) }
  }
  const logistic = fitted('logistic regression', [])
  logistic.model.dispose()
  const network = fitted('network', options.hidden)
  const spanOf = (p: Period) => ({
    rows: p.to - p.from,
    frauds: frauds(p),
    from: new Date(data.times[p.from]).toISOString(),
    to: new Date(data.times[p.to - 1]).toISOString(),
  })
  return {
    model: network.model,
    figures: {
      network: network.figures,
      logisticRegression: logistic.figures,
      baseRate: Math.round((truth.reduce((a: number, b) => a + b, 0) / truth.length) * 1e6) / 1e6,
    },
    periods: { training: spanOf(train), validation: spanOf(validation), test: spanOf(test) },
  }
}
