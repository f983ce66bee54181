/** How a model is trained: every choice that changes the result, checked, with its defaults. */
import { readFileSync } from 'node:fs'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { AssayError, messageOf } from '../../services/shared/errors.ts'

const exact = { additionalProperties: false }
const Share = Type.Number({ minimum: 0, maximum: 1 })
const Count = Type.Integer({ minimum: 1 })

export const TrainConfig = Type.Object(
  {
    seed: Type.Integer({ minimum: 0 }),
    knots: Type.Object(
      {
        leaves: Type.Integer({ minimum: 1, maximum: 64, description: 'Most ramps of a feature' }),
        leafShare: Type.Number({ minimum: 0, maximum: 0.5, description: 'Least share of the rows in a leaf' }),
        leafRows: Type.Integer({ minimum: 1, description: 'Least rows in a leaf' }),
        gain: Type.Number({ minimum: 0, description: 'Least gain of a split in log likelihood (nats)' }),
        jumps: Type.Boolean({ description: 'Whether a threshold is two knots, the values on both sides of it, or one between them' }),
      },
      exact,
    ),
    hidden: Type.Array(Type.Integer({ minimum: 1, maximum: 1024 }), {
      maxItems: 6,
      description: 'Sizes of the hidden layers; none makes a logistic regression',
    }),
    straight: Type.Boolean({ description: 'Whether the ramps also go straight into the logit, beside the hidden layers' }),
    members: Type.Integer({ minimum: 1, maximum: 16, description: 'Networks whose logits are averaged' }),
    epochs: Count,
    batch: Count,
    rate: Type.Number({ exclusiveMinimum: 0, description: 'Learning rate at the beginning' }),
    decay: Type.Number({ minimum: 0, description: 'Weight decay' }),
    dropout: Type.Number({ minimum: 0, maximum: 0.9 }),
    patience: Type.Integer({ minimum: 1, description: 'Epochs without a better validation loss after which it stops' }),
    smoothing: Type.Number({ minimum: 0, maximum: 0.9999, description: 'How slowly the kept parameters follow the fitted ones' }),
    validationShare: Share,
    testShare: Share,
  },
  exact,
)
export type TrainConfig = Type.Static<typeof TrainConfig>

export const defaultConfig: TrainConfig = {
  seed: 1,
  knots: { leaves: 16, leafShare: 0.0005, leafRows: 50, gain: 3, jumps: false },
  hidden: [64, 32],
  straight: false,
  members: 1,
  epochs: 8,
  batch: 512,
  rate: 0.002,
  decay: 0.01,
  dropout: 0.1,
  patience: 3,
  smoothing: 0.999,
  validationShare: 0.15,
  testShare: 0.25,
}

const schema = Compile(TrainConfig)

/** The defaults with what is given over them. Throws `config_invalid` with every fault. */
export function configOf(given: unknown): TrainConfig {
  const part = given as Partial<TrainConfig>
  const config = { ...defaultConfig, ...part, knots: { ...defaultConfig.knots, ...part.knots } }
  if (schema.Check(config)) return config
  const faults = [...schema.Errors(config)].map((e) => `${e.instancePath || '/'} ${e.message}`)
  throw new AssayError('config_invalid', `The training's configuration has faults:\n  ${faults.join('\n  ')}`, { details: { faults } })
}

/** Reads a configuration from a JSON file; what it leaves out has its default. */
export function readConfig(path: string): TrainConfig {
  let given: unknown
  try {
    given = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new AssayError('config_invalid', `${path}: ${messageOf(error)}`, { cause: error })
  }
  return configOf(given)
}
