/** What models in shadow scored, as a row keeps it: 12 bytes each, the version (unsigned) and the score (float64), both big-endian. */
export type ChallengerScore = { version: number; score: number }
/** What one version scored for each row of a batch. */
export type ChallengerScores = { version: number; scores: ArrayLike<number> }

const size = 12

/** What the batch's row has in `challengers`: a score that is not finite is left out, and null stands for none. */
export function encodeChallengers(challengers: readonly ChallengerScores[], row: number): Buffer | null {
  let many = 0
  for (const { scores } of challengers) if (Number.isFinite(scores[row])) many++
  if (many === 0) return null
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
