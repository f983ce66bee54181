/** Fits one perceptron: plain log loss, a rate that falls like a cosine, stopped early where there is a validation period. */
import { setImmediate } from 'node:timers/promises'
import type { Matrix } from '../data/matrix.ts'
import type { Encoding } from '../encoding.ts'
import { RampLayer } from '../ramp-layer.ts'
import { randomOf } from '../random.ts'
import { AdamW, gradientOf, initialise, logitsOf, type Shape } from './perceptron.ts'

/** Rows of a matrix; `labels` (0 or 1) and `weights` are by the matrix's rows. */
export type Rows = { matrix: Matrix; rows: Uint32Array; labels: Uint8Array; weights: Float32Array }

export type FitOptions = {
  seed: number
  epochs: number
  batch: number
  /** Learning rate at the beginning. */
  rate: number
  decay: number
  dropout: number
  /** Epochs without a better validation loss after which it stops. */
  patience: number
  /** How slowly the parameters that are kept follow those that are fitted: 0 takes them as they are, .999 a mean over some 1,000 steps. */
  smoothing: number
}

/** What a fit that was broken off needs to go on, at the end of an epoch. */
export type FitState = {
  epoch: number
  steps: number
  since: number
  bestLoss: number
  arrays: { parameters: Float32Array; first: Float32Array; second: Float32Array; smooth: Float32Array; best: Float32Array }
}

export type FitHooks = {
  /** After each epoch, with the validation loss where there is one, and the milliseconds that are left at most. */
  epoch(done: { epoch: number; loss: number | undefined; best: boolean; left: number }): void
  /** Keeps a state. */
  save?: ((state: FitState) => void) | undefined
  signal?: AbortSignal | undefined
}

const rowsAtOnce = 4096

/** Logits of the given rows, in their order. */
export function scoreRows(shape: Shape, parameters: Float32Array, encoding: Encoding, matrix: Matrix, rows: Uint32Array): Float32Array {
  const logits = new Float32Array(rows.length)
  const values = new Float32Array(rowsAtOnce * matrix.width)
  const ramps = new RampLayer(encoding, shape.layers[0].units)
  for (let from = 0; from < rows.length; from += rowsAtOnce) {
    const part = rows.subarray(from, from + rowsAtOnce)
    matrix.gather(part, values)
    ramps.take(values, part.length)
    logits.set(logitsOf(shape, parameters, ramps, part.length), from)
  }
  return logits
}

/** Weighted mean log loss by logits. */
export function logLoss(logits: Float32Array, { rows, labels, weights }: Rows): number {
  let sum = 0
  let all = 0
  for (let i = 0; i < rows.length; i++) {
    const weight = weights[rows[i]]
    const z = labels[rows[i]] === 1 ? -logits[i] : logits[i]
    sum += weight * (z > 0 ? z + Math.log1p(Math.exp(-z)) : Math.log1p(Math.exp(z)))
    all += weight
  }
  return sum / all
}

export function baseRateOf({ rows, labels, weights }: Rows): number {
  let frauds = 0
  let all = 0
  for (const row of rows) {
    frauds += labels[row] * weights[row]
    all += weights[row]
  }
  return frauds / all
}

function shuffle(rows: Uint32Array, random: () => number): void {
  for (let i = rows.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const row = rows[i]
    rows[i] = rows[j]
    rows[j] = row
  }
}

function begin(shape: Shape, train: Rows, seed: number): FitState {
  const parameters = initialise(shape, baseRateOf(train), seed)
  const arrays = {
    parameters,
    first: new Float32Array(shape.size),
    second: new Float32Array(shape.size),
    smooth: parameters.slice(),
    best: parameters.slice(),
  }
  return { epoch: 0, steps: 0, since: 0, bestLoss: Number.POSITIVE_INFINITY, arrays }
}

/** Returns the parameters as they were best on the validation period, or in the end where there is none. Goes on from `from`, if given. */
export async function fitPerceptron(
  shape: Shape,
  encoding: Encoding,
  train: Rows,
  validation: Rows | undefined,
  options: FitOptions,
  hooks: FitHooks,
  from?: FitState,
): Promise<Float32Array> {
  const { epochs, batch, rate, decay, dropout, seed, smoothing } = options
  const state = from ?? begin(shape, train, seed)
  const { parameters, first, second, smooth, best } = state.arrays
  const adam = new AdamW(first, second, state.steps)
  const gradient = new Float32Array(shape.size)
  const steps = Math.ceil(train.rows.length / batch)
  const values = new Float32Array(batch * encoding.width)
  const part = {
    rows: 0,
    ramps: new RampLayer(encoding, shape.layers[0].units),
    labels: new Float32Array(batch),
    weights: new Float32Array(batch),
  }
  const began = Date.now()
  const firstEpoch = state.epoch
  while (state.epoch < epochs && state.since < options.patience) {
    // Each epoch has a seed of its own, so that one that was broken off begins anew as it was.
    const random = randomOf(seed + 7919 * (state.epoch + 1))
    const order = train.rows.slice()
    shuffle(order, random)
    for (let step = 0; step < steps; step++) {
      const rows = order.subarray(step * batch, (step + 1) * batch)
      train.matrix.gather(rows, values)
      part.ramps.take(values, rows.length)
      for (let i = 0; i < rows.length; i++) {
        part.labels[i] = train.labels[rows[i]]
        part.weights[i] = train.weights[rows[i]]
      }
      part.rows = rows.length
      gradientOf(shape, parameters, part, dropout, random, gradient)
      const progress = (state.epoch * steps + step) / (epochs * steps)
      adam.step(parameters, gradient, 0.5 * rate * (1 + Math.cos(Math.PI * progress)), decay)
      // Follows fast at the beginning, when there is little to average.
      const keep = Math.min(smoothing, adam.steps / (10 + adam.steps))
      for (let i = 0; i < shape.size; i++) smooth[i] = keep * smooth[i] + (1 - keep) * parameters[i]
      if (step % 32 === 0) {
        await setImmediate()
        hooks.signal?.throwIfAborted()
      }
    }
    state.epoch++
    state.steps = adam.steps
    const loss = validation && logLoss(scoreRows(shape, smooth, encoding, validation.matrix, validation.rows), validation)
    const better = loss === undefined || loss < state.bestLoss - 1e-7
    if (better) {
      best.set(smooth)
      state.bestLoss = loss ?? state.bestLoss
      state.since = 0
    } else state.since++
    hooks.save?.(state)
    const left = ((Date.now() - began) / (state.epoch - firstEpoch)) * (epochs - state.epoch)
    hooks.epoch({ epoch: state.epoch, loss, best: better, left })
  }
  return best
}
