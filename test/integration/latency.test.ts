/** `npm run bench -- latency` as it is typed, on the servers of the tests. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { LatencyReport } from '../../bench/latency/latency.ts'

const bench = (...args: string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(process.execPath, ['infra/bootstrap.mjs', 'bench/main.ts', ...args], (error, stdout, stderr) => {
      // The status is 1 as well when a target is not met, which a busy machine cannot help.
      if (error && stdout === '') reject(new Error(stderr))
      else resolve(stdout)
    })
  })

test('latency is measured at each rate and at 70 % of the highest, all that was sent is decided, and the plot is drawn', {
  timeout: 180_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'assay-latency-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const lines = (await bench('latency', '--quick', '--json', '--plots', directory)).trim().split('\n')
  const { highest, points, conditions, targets } = JSON.parse(lines[lines.length - 1]) as LatencyReport
  expect(points.map((p) => p.perSecond)).toEqual([200, 1000, Math.round(highest * 0.7)])
  expect(conditions).toMatchObject({ backlog: 2000, arrivals: 'Poisson', runs: 1 })
  for (const { sent, decided, alerts, alerted, toDecision, lateness } of points) {
    expect(sent).toBeGreaterThan(100)
    expect(decided).toBe(sent)
    expect(alerted).toBe(alerts)
    // Through Kafka, TiDB and Kafka again, no one is faster, and a send is a part of the way.
    expect(toDecision.p50.median).toBeGreaterThan(0.5)
    expect(toDecision.max.max).toBeGreaterThanOrEqual(lateness.p50)
  }
  expect(targets.map((t) => t.bound)).toEqual(expect.arrayContaining([10, 40]))
  expect(lines.filter((line) => /^(met|NOT MET) /.test(line))).toHaveLength(targets.length)
  expect(existsSync(join(directory, 'latency.svg'))).toBe(true)
  expect(readFileSync(join(directory, 'latency.svg'), 'utf8')).toContain('transactions a second')
})
