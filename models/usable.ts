/** Whether a model may enter the registry, and become champion: it is loaded as a detector loads it, and scores once. */
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { AssayError, messageOf } from '../services/shared/errors.ts'
import { type Manifest, modelFolder } from './artefact.ts'
import type { BackendName } from './backend.ts'
import { cardOf } from './card.ts'
import { width } from './fold/features.ts'
import type { ModelSource } from './parts.ts'
import { loadScorer } from './scorer.ts'

const Share = Type.Number({ minimum: 0, maximum: 1 })
const Count = Type.Integer({ minimum: 0 })
const Figures = Type.Object({
  rows: Count,
  frauds: Count,
  auc: Share,
  ap: Share,
  ece: Share,
  meanOverBase: Type.Number({ minimum: 0 }),
  recallAtBudget: Share,
})
const Span = Type.Object({ rows: Count, frauds: Count })

/** What the card and every list of models are made of; a manifest may say more. */
const told = Compile(
  Type.Object({
    name: Type.String({ minLength: 1, maxLength: 64 }),
    createdAt: Type.String({ format: 'date-time' }),
    features: Type.Array(Type.String()),
    hidden: Type.Array(Count),
    data: Type.Object({ training: Span, validation: Span, test: Span, constant: Type.Array(Type.String()) }),
    figures: Type.Object({ network: Figures, logisticRegression: Figures, baseRate: Share }),
  }),
)

/**
 * Throws `model_corrupt` where bytes, manifest or scores are not what they should be, `model_misfit` where the model was made for other features,
 * and `model_absent`. The backend is that of the process: another one would score for a detector beside it from now on.
 */
export async function mustBeUsable(from: string | ModelSource, backend: 'auto' | BackendName): Promise<Manifest> {
  const source = typeof from === 'string' ? modelFolder(from) : from
  const scorer = await loadScorer(source, { backend })
  try {
    const corrupt = (what: string) =>
      new AssayError('model_corrupt', `The model in ${source.name} is damaged: ${what}. Take it from its source again`, { status: 422 })
    const [fault] = told.Errors(scorer.manifest)
    if (fault) throw corrupt(`manifest.json: ${fault.instancePath || '/'} ${fault.message}`)
    try {
      cardOf(scorer.manifest)
    } catch (error) {
      throw corrupt(`manifest.json says of its judgement what cannot be read (${messageOf(error)})`)
    }
    const scores = scorer.score(new Float32Array(width), 1)
    if (scores.length !== 1 || !(scores[0] >= 0 && scores[0] <= 1)) throw corrupt('it does not give one probability for a transaction')
    return scorer.manifest
  } finally {
    scorer.stop()
  }
}
