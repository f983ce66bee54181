/** Recorded vectors through the recorded model on the recorded backend. */
import { width } from '../../models/fold/features.ts'
import { loadScorer, type Scorer } from '../../models/scorer.ts'
import { backends } from '../../services/detector/score.ts'
import type { Database } from '../../services/shared/database.ts'
import { registeredModel } from '../../services/shared/models.ts'
import type { Row } from './customers.ts'

const most = 512
/** Scores are kept to six places. */
const tolerance = 1.000001e-6

export type Scores = { differing(rows: readonly Row[]): Promise<Row[]>; stop(): void }

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
  return {
    async differing(rows) {
      const found: Row[] = []
      const groups = new Map<string, Row[]>()
      for (const row of rows) {
        const key = `${row.model}:${row.backend}`
        const group = groups.get(key)
        if (group) group.push(row)
        else groups.set(key, [row])
      }
      for (const group of groups.values()) {
        for (let from = 0; from < group.length; from += most) {
          const some = group.slice(from, from + most)
          const vectors = new Float32Array(some.length * width)
          some.forEach((r, i) => {
            vectors.set(new Float32Array(new Uint8Array(r.features).buffer), i * width)
          })
          const scorer = await scorerOf(some[0].model, some[0].backend)
          const scores = scorer.score(vectors, some.length)
          some.forEach((r, i) => {
            if (!(Math.abs(Math.round(scores[i] * 1e6) / 1e6 - r.score) <= tolerance)) found.push(r)
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
