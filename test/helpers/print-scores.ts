/** Prints the scores of some vectors by one backend as JSON; a process of its own, since a process has one backend. */
import { loadScorer } from '../../models/scorer.ts'
import { someVectors } from './vectors.ts'

const rows = 512
const scorer = await loadScorer('models/default', { backend: process.argv[2] as 'node' | 'wasm' })
process.stdout.write(JSON.stringify({ backend: scorer.backend, scores: [...scorer.score(someVectors(rows), rows)] }))
