import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { unique } from '../helpers/servers.ts'

/** Runs `npm start` with these arguments against the test's servers. Resolves with its exit status, the last line of its output and its errors. */
function start(...args: string[]): Promise<{ status: number | null; last: string; errors: string }> {
  const child = spawn(process.execPath, ['infra/bootstrap.mjs', 'infra/start.ts', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ASSAY_DATABASE: unique('assay_test_'),
      ASSAY_GROUP: unique('test-'),
      ASSAY_SECRET: 'a secret that only the tests know, 32+',
    },
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, last: output.trim().split('\n').at(-1) ?? '', errors })))
}

test('a newcomer’s command plays a bank and finds every transaction decided once, with alerts, cases and escalations', async () => {
  const { status, last, errors } = await start('--transactions', '6000', '--exit', '--json', '--seed', '31')
  expect(status, errors.slice(-2000)).toBe(0)
  const result = JSON.parse(last) as Record<string, number>
  expect(result).toMatchObject({ transactions: 6000, decided: 6000, lost: 0, deadLetters: 0 })
  expect(result.duplicates).toBeGreaterThan(0)
  for (const name of ['alerts', 'cases', 'escalations', 'labels']) expect(result[name], name).toBeGreaterThan(0)
}, 120_000)
