/**
 * Training: a network, and beside it a logistic regression on the same encoded inputs, by plain log loss. Nothing is reweighted or
 * resampled, so that a score is a probability. Choices are made on the validation period; the test period is looked at once.
 */
import { createHash } from 'node:crypto'
import type { LayersModel } from '@tensorflow/tfjs-layers'
import { AssayError } from '../../services/shared/errors.ts'
import type { Manifest } from '../artefact.ts'
import type { Dataset } from '../data/dataset.ts'
import { checkLabelTimes, checkSeparation } from '../data/leaks.ts'
import { binsOf } from '../drift/bins.ts'
import { figuresOf } from '../evaluation/metrics.ts'
import { Checkpoint } from './checkpoint.ts'
import type { TrainConfig } from './config.ts'
import { type Fitted, fitNetwork, type NetworkState, scoresOf } from './fit-network.ts'
import { networkOf } from './network.ts'
import { endOf, fraudsOf, type Period, type Periods, periodsOf } from './periods.ts'

export type TrainOptions = {
  name: string
  /** The backend that TensorFlow.js works with, for the manifest. */
  backend: string
  report: (line: string) => void
  /** Labels count as known at this time, milliseconds since 1970; the end of the data unless given. */
  at?: number | undefined
  signal?: AbortSignal | undefined
  /** Features that may tell fraud from genuine alone. */
  trusted?: readonly string[] | undefined
  /** A file that keeps the progress, from which the same training goes on. It is removed at the end. */
  checkpoint?: string | undefined
}

export type TrainedModel = {
  /** To be disposed by the caller. */
  model: LayersModel
  manifest: Omit<Manifest, 'sha256'>
  fitted: Fitted
  periods: Periods
  /** Of the judged period's rows, in their order. */
  scores: { network: Float32Array; logisticRegression: Float32Array }
}

const mostNamed = 20

/** Names of features that have one value in all rows. Throws `feature_not_finite` where one is not a number. */
function constantFeatures({ matrix, features, rows }: Dataset, report: (line: string) => void): string[] {
  const { width } = matrix
  const first = new Float32Array(width)
  matrix.read(0, 1, first)
  const varies = new Uint8Array(width)
  const bad = new Int32Array(width)
  const block = 4096
  const values = new Float32Array(block * width)
  for (let from = 0; from < rows; from += block) {
    const n = Math.min(block, rows - from)
    matrix.read(from, from + n, values)
    for (let i = 0, f = 0; i < n * width; i++, f = f + 1 === width ? 0 : f + 1) {
      if (values[i] !== first[f]) varies[f] = 1
      if (!Number.isFinite(values[i])) bad[f]++
    }
  }
  const broken = features.flatMap((name, f) => (bad[f] > 0 ? [`${name} (${bad[f]} rows)`] : []))
  if (broken.length > 0)
    throw new AssayError(
      'feature_not_finite',
      `There are features that are not numbers: ${broken.join(', ')}. Mend the data; nothing is guessed`,
    )
  const constant = features.filter((_, f) => varies[f] === 0)
  if (constant.length === width)
    throw new AssayError('features_constant', 'Every feature has the same value in all rows: there is nothing to learn from')
  if (constant.length > 0)
    report(
      `without effect, since all rows have the same: ${constant.slice(0, mostNamed).join(', ')}${constant.length > mostNamed ? ' and others' : ''}`,
    )
  return constant
}

function spanOf({ times }: Dataset, period: Period) {
  const { rows } = period
  const at = (i: number) => new Date(times[rows[i]]).toISOString()
  return { rows: rows.length, frauds: fraudsOf(period), ...(rows.length > 0 && { from: at(0), to: at(rows.length - 1) }) }
}

/** What makes two trainings the same one. */
function identityOf(data: Dataset, config: TrainConfig, start: number): string {
  const { rows, featureSet, times, labels } = data
  return createHash('sha256')
    .update(JSON.stringify([rows, featureSet, times[0], times.at(-1), labels.rows.length, start, config]))
    .digest('hex')
}

/**
 * Trains. Throws `too_few_frauds`, `one_class_only`, `data_too_short`, `feature_not_finite`, `features_constant`, `disk_full`,
 * `checkpoint_unwritable`, or what the checks of `data/leaks.ts` throw, with what to do.
 */
export async function trainModel(data: Dataset, config: TrainConfig, options: TrainOptions): Promise<TrainedModel> {
  const { report, signal, name, backend } = options
  const periods = periodsOf(data, config, options.at ?? endOf(data))
  const constant = constantFeatures(data, report)
  const { train, validation, test } = periods
  checkLabelTimes(data)
  checkSeparation(data, train, options.trusted)
  const checkpoint = options.checkpoint ? new Checkpoint(options.checkpoint, identityOf(data, config, periods.start)) : undefined
  const rowsOf = ({ rows, labels }: Period) => ({ matrix: data.matrix, rows, labels, weights: data.weights })
  const fitted = async (of: string, own: TrainConfig, knots?: number[][]) => {
    const from: NetworkState | undefined = checkpoint?.stateOf(of) ?? (knots && { knots, members: [], current: undefined })
    const made = await fitNetwork(of, rowsOf(train), rowsOf(validation), own, {
      report,
      signal,
      from,
      save: checkpoint && ((state) => checkpoint.save(of, state)),
    })
    return { ...made, scores: scoresOf(made, data.matrix, test.rows) }
  }
  report(
    `learning from ${train.rows.length} transactions (${fraudsOf(train)} frauds), chosen by ${validation.rows.length}, judged by ${test.rows.length}`,
  )
  const logistic = await fitted('logistic regression', { ...config, hidden: [], members: 1, dropout: 0 })
  const network = await fitted('network', config, logistic.knots)
  checkpoint?.remove()
  const truth = Uint8Array.from(test.rows, (row) => test.labels[row])
  const weights = Float32Array.from(test.rows, (row) => data.weights[row])
  let [all, frauds] = [0, 0]
  for (let i = 0; i < truth.length; i++) {
    all += weights[i]
    frauds += truth[i] * weights[i]
  }
  const figures: Manifest['figures'] = {
    network: figuresOf(network.scores, truth, weights),
    logisticRegression: figuresOf(logistic.scores, truth, weights),
    baseRate: all === 0 ? 0 : Math.round((frauds / all) * 1e6) / 1e6,
  }
  const { matrix, features, times } = data
  const bins = binsOf({ matrix, features, times, rows: train.rows, scores: scoresOf(network, matrix, validation.rows) })
  return {
    model: networkOf(network.encoding, network.shape, network.members),
    fitted: network,
    periods,
    scores: { network: network.scores, logisticRegression: logistic.scores },
    manifest: {
      name,
      createdAt: new Date().toISOString(),
      features: [...data.features],
      featureSet: data.featureSet,
      hidden: config.hidden,
      seed: config.seed,
      backend,
      data: {
        ...data.description,
        training: spanOf(data, train),
        validation: spanOf(data, validation),
        test: spanOf(data, test),
        constant,
      },
      training: config,
      figures,
      bins,
    },
  }
}
