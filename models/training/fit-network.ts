/** Fits all of a network: the knots of its encoding, then each of its members. */
import type { Matrix } from '../data/matrix.ts'
import { type Encoding, encodingOf } from '../encoding.ts'
import type { TrainConfig } from './config.ts'
import { type FitState, fitPerceptron, type Rows, scoreRows } from './fit-perceptron.ts'
import { knotsOfAll } from './knots.ts'
import { type Shape, shapeOf } from './perceptron.ts'

export type Fitted = { knots: number[][]; encoding: Encoding; shape: Shape; members: Float32Array[] }

export type NetworkState = { knots: number[][]; members: Float32Array[]; current: FitState | undefined }

export type NetworkHooks = {
  report: (line: string) => void
  save?: ((state: NetworkState) => void) | undefined
  signal?: AbortSignal | undefined
  from?: NetworkState | undefined
}

const seconds = (ms: number) => `${Math.round(ms / 1000)} s`

/** Fits on `train`; each member stops by `validation`, where it is given. `name` stands before each line of progress. */
export async function fitNetwork(
  name: string,
  train: Rows,
  validation: Rows | undefined,
  config: TrainConfig,
  { report, save, signal, from }: NetworkHooks,
): Promise<Fitted> {
  const knots = from?.knots ?? knotsOfAll(train.matrix, train.rows, train.labels, config.knots)
  const encoding = encodingOf(knots)
  const shape = shapeOf(encoding.units, config.hidden, config.straight)
  const members = [...(from?.members ?? [])]
  let current = from?.current
  while (members.length < config.members) {
    const m = members.length
    const which = config.members > 1 ? `${name} ${m + 1} of ${config.members}` : name
    const parameters = await fitPerceptron(
      shape,
      encoding,
      train,
      validation,
      { ...config, seed: config.seed + 104_729 * m },
      {
        signal,
        save: save && ((state) => save({ knots, members, current: state })),
        epoch: ({ epoch, loss, best, left }) => {
          const found = loss === undefined ? '' : `, validation log loss ${loss.toFixed(6)}${best ? ' (best)' : ''}`
          report(`${which}: epoch ${epoch} of ${config.epochs}${found}, at most ${seconds(left)} left`)
        },
      },
      current,
    )
    current = undefined
    members.push(parameters)
    save?.({ knots, members, current })
  }
  return { knots, encoding, shape, members }
}

/** Probabilities of the given rows, in their order: of the mean logit of all members. */
export function scoresOf({ encoding, shape, members }: Fitted, matrix: Matrix, rows: Uint32Array): Float32Array {
  const sum = new Float32Array(rows.length)
  for (const parameters of members) {
    const logits = scoreRows(shape, parameters, encoding, matrix, rows)
    for (let i = 0; i < sum.length; i++) sum[i] += logits[i]
  }
  return sum.map((z) => 1 / (1 + Math.exp(-z / members.length)))
}
