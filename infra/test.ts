import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bringUpForTests, needsServers } from '../test/helpers/test-stack.ts'

/** What vitest's JSON report says, as far as it is counted here. */
type Report = {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  testResults: { status: string; assertionResults: { status: string }[] }[]
}

type Counts = { passed: number; failed: number; skipped: number }

let interrupted = false
let vitest: ChildProcess | undefined
/** The first signal lets the servers be ended in peace; a second one ends this process at once. */
function interrupt(signal: NodeJS.Signals): void {
  if (interrupted) process.exit(1)
  interrupted = true
  vitest?.kill(signal)
}

/** Runs vitest in a process of its own, so that a crash of it is a failed test and not the end of the counting. */
function runVitest(args: string[], report: string): Promise<number> {
  return new Promise((resolve) => {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    vitest = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...args], { stdio: 'inherit' })
    vitest.on('error', (error) => {
      console.error(`vitest did not start: ${error.message}`)
      resolve(1)
    })
    vitest.on('exit', (code) => resolve(code ?? 1))
  })
}

/** Counts tests; a file that could not be run at all, and a crash that no test shows, count as one failed test each. */
function count(report: string, status: number): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
      readFileSync(report, 'utf8'),
    ) as Report
    const brokenFiles = testResults.filter(
      (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
    )
    counts.passed = numPassedTests
    counts.failed = numFailedTests + brokenFiles.length
    counts.skipped = numPendingTests + numTodoTests
  } catch {
    console.error('vitest ended without a report')
  }
  if (status !== 0 && counts.failed === 0) counts.failed = 1
  return counts
}

process.on('SIGINT', interrupt)
process.on('SIGTERM', interrupt)
const args = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'assay-test-'))
const report = join(folder, 'report.json')
let counts: Counts = { passed: 0, failed: 0, skipped: 0 }
try {
  const stack = needsServers(args) ? await bringUpForTests() : undefined
  try {
    if (!interrupted) counts = count(report, await runVitest(args, report))
  } finally {
    await stack?.end()
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  counts.failed += 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}${interrupted ? ' (interrupted)' : ''}`)

process.exitCode = counts.failed > 0 || interrupted ? 1 : 0
