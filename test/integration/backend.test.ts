import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { installBackend } from '../../models/backend-install.ts'
import { messageOf } from '../../services/shared/errors.ts'

const run = promisify(execFile)
const scoresBy = async (backend: string) =>
  JSON.parse((await run(process.execPath, ['infra/bootstrap.mjs', 'test/helpers/print-scores.ts', backend])).stdout) as {
    backend: string
    scores: number[]
  }

describe('the two backends', () => {
  it('agree on the shipped model within 0.00001', { timeout: 600_000 }, async (context) => {
    const absent = await installBackend(() => undefined).then(
      () => undefined,
      (error: unknown) => messageOf(error),
    )
    if (absent !== undefined) context.skip(`tfjs-node cannot be had here: ${absent}`)
    const [node, wasm] = [await scoresBy('node'), await scoresBy('wasm')]
    expect([node.backend, wasm.backend]).toEqual(['node', 'wasm'])
    const differences = node.scores.map((s, i) => Math.abs(s - wasm.scores[i]))
    expect(node.scores).toHaveLength(512)
    expect(Math.max(...node.scores) - Math.min(...node.scores)).toBeGreaterThan(0.001)
    expect(Math.max(...differences)).toBeLessThan(1e-5)
  })
})
