/** Recorded vectors through the recorded models on the recorded backend: the one that decided, and those that scored beside it. */
import { width } from '../../models/fold/features.ts'
import { unpackVector } from '../../models/fold/vector-bytes.ts'
import { loadScorer, type Scorer } from '../../models/scorer.ts'
import { backends } from '../../services/detector/score.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { registeredModel } from '../../services/shared/tidb/models.ts'
import { decodeChallengers } from '../../services/shared/tidb/row-bytes.ts'
import type { Row } from './customers.ts'

const most = 512
/** Scores are kept to six places. */
const tolerance = 1.000001e-6

type Given = { row: Row; score: number }
export type Scores = { differing(rows: readonly Row[]): Promise<Set<Row>>; stop(): void }

/** Makes the check. A backend that is not here throws, with how to get it. */
export function createScores(database: Database): Scores {
  const scorers = new Map<string, Scorer>()
  const scorerOf = async (model: number, backend: number): Promise<Scorer> => {
    const key = `${model}:${backend}`
    const known = scorers.get(key)
    if (known) return known
    const made = await loadScorer(await registeredModel(database, model), { backend: backends[backend] })
    scorers.set(key, made)
    return made
  }
  /** What each model gave, by model and backend. */
  const givenBy = (rows: readonly Row[]): Map<string, { model: number; backend: number; given: Given[] }> => {
    const groups = new Map<string, { model: number; backend: number; given: Given[] }>()
    for (const row of rows)
      for (const { version, score } of [{ version: row.model, score: row.score }, ...decodeChallengers(row.challengers)]) {
        const key = `${version}:${row.backend}`
        const group = groups.get(key) ?? { model: version, backend: row.backend, given: [] }
        groups.set(key, group)
        group.given.push({ row, score })
      }
    return groups
  }
  return {
    async differing(rows) {
      const found = new Set<Row>()
      for (const { model, backend, given } of givenBy(rows).values()) {
        const scorer = await scorerOf(model, backend)
        for (let from = 0; from < given.length; from += most) {
          const some = given.slice(from, from + most)
          const vectors = new Float32Array(some.length * width)
          some.forEach(({ row }, i) => {
            unpackVector(row.features, vectors, i * width, width)
          })
          const scores = scorer.score(vectors, some.length)
          some.forEach(({ row, score }, i) => {
            if (!(Math.abs(Math.round(scores[i] * 1e6) / 1e6 - score) <= tolerance)) found.add(row)
          })
        }
      }
      return found
    },
    stop() {
      for (const s of scorers.values()) s.stop()
    },
  }
}
