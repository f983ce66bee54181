/**
 * Third step: the champion's probability of fraud for every transaction of the batch that is to be decided, in one call, or the canary's
 * where it decides for the customer. Models in shadow score the same rows, one call each, which changes nothing.
 */
import { width } from '../../models/fold/features.ts'
import type { Scorer } from '../../models/scorer.ts'
import { messageOf } from '../shared/errors.ts'
import { mostInShadow } from '../shared/tidb/model-changes.ts'
import type { ChallengerScores } from '../shared/tidb/row-bytes.ts'
import { isOfCanary } from './canary/share.ts'
import type { CanaryWatch } from './canary/watch.ts'
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

/** By a loop: `from` with a function takes ten times as long. */
function asKept(scores: Float32Array): Float64Array {
  const all = new Float64Array(scores.length)
  for (let i = 0; i < scores.length; i++) all[i] = kept(scores[i])
  return all
}

/** What the canary gives for some rows of the batch; undefined where it cannot score. */
function scoresOf(
  { scorer }: Model,
  { features }: Enriched,
  rows: readonly number[],
  warn: (why: string) => void,
): Float32Array | undefined {
  const vectors = new Float32Array(rows.length * width)
  rows.forEach((row, i) => {
    vectors.set(features.subarray(row * width, (row + 1) * width), i * width)
  })
  try {
    return scorer.score(vectors, rows.length)
  } catch (error) {
    warn(messageOf(error))
    return undefined
  }
}

export function score(models: Deps, watch: CanaryWatch) {
  const inShadow = (batch: Enriched, { scorer, version }: Model): ChallengerScores[] => {
    try {
      return [{ version, scores: asKept(scorer.score(batch.features, batch.chosen.length)) }]
    } catch (error) {
      models.refuse('shadow', version, `it cannot score: ${messageOf(error)}`)
      return []
    }
  }
  /**
   * The canary's scores take the place of the champion's in its rows, which are kept beside them while there is room. A batch in which it
   * gives something else than probabilities is the champion's, so that no customer is decided by both.
   */
  const byCanary = (batch: Enriched, { champion, canary, shadows }: Models, scored: Scored, championMs: number): Scored => {
    if (!canary) return scored
    const rows = batch.chosen.flatMap(({ raw, customer }, i) => (isOfCanary(raw.tenant, customer, canary.share) ? [i] : []))
    if (rows.length === 0) return scored
    const began = performance.now()
    const own = scoresOf(canary, batch, rows, watch.warn)
    const canaryMs = performance.now() - began
    const failed = own ? own.reduce((n, score) => n + (Number.isNaN(kept(score)) ? 1 : 0), 0) : rows.length
    const { scores } = scored
    const by = [...scored.by]
    const champions = new Float64Array(by.length).fill(Number.NaN)
    if (own && failed === 0)
      rows.forEach((row, i) => {
        champions[row] = kept(scores[row])
        scores[row] = own[i]
        by[row] = canary
      })
    watch.observe({ canary, champion, chosen: batch.chosen, scores, by, asked: rows.length, failed, canaryMs, championMs })
    const beside = shadows.length < mostInShadow ? [{ version: champion.version, scores: champions }] : []
    return { ...scored, by, challengers: [...scored.challengers, ...beside] }
  }
  return function score(batch: Enriched): Scored {
    const inForce = models.current()
    const { champion, shadows } = inForce
    const rows = batch.chosen.length
    if (rows === 0) return { ...batch, scores: new Float32Array(0), by: [], challengers: [] }
    const began = performance.now()
    const scores = champion.scorer.score(batch.features, rows)
    const championMs = performance.now() - began
    const challengers = shadows.flatMap((model) => inShadow(batch, model))
    return byCanary(batch, inForce, { ...batch, scores, by: new Array<Model>(rows).fill(champion), challengers }, championMs)
  }
}
