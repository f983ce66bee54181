/** Feature vectors as a simulated bank would give them. */
import { simulate } from '../../infra/simulator/simulate.ts'
import { foldStream } from '../../models/data/from-simulator.ts'
import { width } from '../../models/fold/features.ts'
import { unpackVector } from '../../models/fold/vector-bytes.ts'

/** `rows` vectors of `width`, the last of a few thousand, so that customers have a history. */
export function someVectors(rows: number): Float32Array {
  const all = 3000
  const stream = simulate({
    seed: 77,
    tenant: 'test',
    transactions: all,
    customers: 100,
    days: 30,
    start: Date.UTC(2025, 0, 6),
    resends: 0,
  })
  const { matrix } = foldStream(stream, all)
  const vectors = new Float32Array(rows * width)
  matrix.read(matrix.rows - rows, matrix.rows, vectors)
  return vectors
}

/** The vector of a row, which must be whole. */
export function vectorOf(features: Buffer): Float32Array {
  const vector = new Float32Array(width)
  if (!unpackVector(features, vector, 0, width)) throw new Error(`${features.length} bytes are no vector`)
  return vector
}

/** Every bit of it. */
export const bitsOf = (vector: Float32Array): string => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('hex')
