/**
 * What rows of `transactions` keep as bytes: reasons as JSON, and what models in shadow scored, 12 bytes each, the version (unsigned) and
 * the score (float64), both big-endian. None are no bytes; rows of earlier versions have NULL.
 */
import type { Reason } from '../events.ts'

const none = Buffer.alloc(0)

export const encodeReasons = (reasons: readonly Reason[]): Buffer => (reasons.length === 0 ? none : Buffer.from(JSON.stringify(reasons)))

export const decodeReasons = (bytes: Buffer | null): Reason[] => (bytes?.length ? (JSON.parse(bytes.toString()) as Reason[]) : [])

export type ChallengerScore = { version: number; score: number }
/** What one version scored for each row of a batch. */
export type ChallengerScores = { version: number; scores: ArrayLike<number> }

const size = 12

/** What the batch's row has in `challengers`: a score that is not finite is left out. */
export function encodeChallengers(challengers: readonly ChallengerScores[], row: number): Buffer {
  let many = 0
  for (const { scores } of challengers) if (Number.isFinite(scores[row])) many++
  if (many === 0) return none
  const bytes = Buffer.allocUnsafe(many * size)
  let at = 0
  for (const { version, scores } of challengers) {
    if (!Number.isFinite(scores[row])) continue
    bytes.writeUInt32BE(version, at)
    bytes.writeDoubleBE(scores[row], at + 4)
    at += size
  }
  return bytes
}

/** The same back. */
export function decodeChallengers(bytes: Buffer | null): ChallengerScore[] {
  if (bytes === null) return []
  return Array.from({ length: bytes.length / size }, (_, i) => ({
    version: bytes.readUInt32BE(i * size),
    score: bytes.readDoubleBE(i * size + 4),
  }))
}
