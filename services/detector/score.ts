/**
 * Third step: the champion's probability of fraud for every transaction of the batch that is to be decided, in one call. Models in shadow
 * score the same rows, one call each, which changes nothing.
 */
import type { Scorer } from '../../models/scorer.ts'
import type { ChallengerScores } from '../shared/challengers.ts'
import { messageOf } from '../shared/errors.ts'
import type { Enriched } from './enrich.ts'

/** `by` is the model that decides each row, `scores` what it gave; `challengers` is what others gave, as rows keep it. */
export type Scored = Enriched & { scores: Float32Array; by: readonly Model[]; challengers: readonly ChallengerScores[] }

/** Numbers of the backends in a row; never renumbered. */
export const backends = ['node', 'wasm'] as const

export type Model = { scorer: Scorer; version: number }
/** The models in force. The canary decides for `share` of the customers. */
export type Models = { champion: Model; shadows: readonly Model[]; canary?: Model & { share: number } }

type Deps = {
  current(): Models
  /** Leaves a model out that cannot score. */
  refuse(state: 'shadow', version: number, why: string): void
}

/** A score to six places, as rows keep it; NaN where it is no probability. */
export const kept = (score: number): number => (score >= 0 && score <= 1 ? Math.round(score * 1e6) / 1e6 : Number.NaN)

export function score(models: Deps) {
  const inShadow = (batch: Enriched, { scorer, version }: Model): ChallengerScores[] => {
    try {
      return [{ version, scores: Float64Array.from(scorer.score(batch.features, batch.chosen.length), kept) }]
    } catch (error) {
      models.refuse('shadow', version, `it cannot score: ${messageOf(error)}`)
      return []
    }
  }
  return function score(batch: Enriched): Scored {
    const { champion, shadows } = models.current()
    const rows = batch.chosen.length
    if (rows === 0) return { ...batch, scores: new Float32Array(0), by: [], challengers: [] }
    const scores = champion.scorer.score(batch.features, rows)
    return { ...batch, scores, by: new Array<Model>(rows).fill(champion), challengers: shadows.flatMap((model) => inShadow(batch, model)) }
  }
}
