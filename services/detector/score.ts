/** Third step: the model's probability of fraud for every transaction of the batch that is to be decided, in one call. */
import type { Explain } from '../../models/reasons/explain.ts'
import type { Scorer } from '../../models/scorer.ts'
import type { Enriched } from './enrich.ts'

/** `explain` is that of the model which scored. */
export type Scored = Enriched & { scores: Float32Array; model: number; backend: number; explain: Explain }

/** Numbers of the backends in a row; never renumbered. */
export const backends = ['node', 'wasm'] as const

/** The model in force and its version. */
export type Model = { scorer: Scorer; version: number }

export function score(model: () => Model) {
  return function score(batch: Enriched): Scored {
    const { scorer, version } = model()
    const scores = batch.chosen.length === 0 ? new Float32Array(0) : scorer.score(batch.features, batch.chosen.length)
    return { ...batch, scores, model: version, backend: backends.indexOf(scorer.backend), explain: scorer.explain }
  }
}
