/** The short form of `npm run chaos`. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Figures } from '../../chaos/chaos.ts'
import { harms } from '../../chaos/check.ts'

const noHarm = { ...Object.fromEntries(Object.keys(harms).map((harm) => [harm, 0])), verifyDifferences: 0, crashes: 0 }

/** Runs the command with servers of its own beside those of the other tests. */
async function chaos(...args: string[]): Promise<{ status: number | null; said: string; figures: Figures }> {
  mkdirSync('.assay', { recursive: true })
  const directory = mkdtempSync('.assay/test-chaos-')
  const { ASSAY_KAFKA: _kafka, ASSAY_TIDB: _tidb, ASSAY_REDIS: _redis, ASSAY_REDIS_JOBS: _jobs, ...env } = process.env
  const child = spawn(process.execPath, ['infra/bootstrap.mjs', 'chaos/main.ts', '--directory', directory, '--json', ...args], { env })
  onTestFinished(() => void child.kill())
  let [out, said] = ['', '']
  child.stdout.on('data', (data) => {
    out += data
  })
  child.stderr.on('data', (data) => {
    said += data
  })
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
  // After a failure the logs stay.
  if (status === 0) rmSync(directory, { recursive: true, force: true })
  const last = out.trimEnd().split('\n').at(-1) ?? ''
  return { status, said, figures: last.startsWith('{') ? JSON.parse(last) : undefined }
}

describe('npm run chaos', () => {
  it('finds no harm after kills, a frozen server, a rebalance and a partition', { timeout: 300_000 }, async () => {
    const { status, said, figures } = await chaos('--transactions', '1000', '--kills', '2', '--seed', '1')
    expect(figures, said).toMatchObject({ transactions: 1000, kills: 2, ...noHarm })
    expect(status).toBe(0)
  })
})
