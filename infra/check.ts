import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { documentPath, featuresDocument } from './features/document.ts'

type Outcome = { name: string; ok: boolean; seconds: number; output: string }

function run(name: string, command: string, args: string[]): Promise<Outcome> {
  const started = Date.now()
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.stderr.on('data', (chunk) => chunks.push(chunk))
    const end = (ok: boolean, more = '') =>
      resolve({ name, ok, seconds: (Date.now() - started) / 1000, output: Buffer.concat(chunks).toString() + more })
    child.on('error', (error) => end(false, error.message))
    child.on('close', (code) => end(code === 0))
  })
}

const tool = (name: string, path: string, ...args: string[]) => run(name, process.execPath, [`node_modules/${path}`, ...args])

/** A lock file that names a host would send everybody's npm to the mirror of the machine that wrote it. */
function lockFile(): Outcome {
  const lines = readFileSync('package-lock.json', 'utf8').split('\n')
  const hosts = lines.flatMap((line, i) => (/"resolved":\s*"https?:/.test(line) ? [`package-lock.json:${i + 1}: ${line.trim()}`] : []))
  const advice = 'The lock file names hosts. Write it anew with: npm install --package-lock-only --omit-lockfile-registry-resolved'
  return {
    name: 'lock file',
    ok: hosts.length === 0,
    seconds: 0,
    output: hosts.length > 0 ? [...hosts.slice(0, 5), advice].join('\n') : '',
  }
}

/** The document of the features is written from the registry, never by hand. */
function featuresWritten(): Outcome {
  const ok = existsSync(documentPath) && readFileSync(documentPath, 'utf8') === featuresDocument()
  const output = ok ? '' : `${documentPath} is not what the registry says. Write it anew with: npm run assay -- features document`
  return { name: documentPath, ok, seconds: 0, output }
}

const outcomes = [
  await tool('format, lint, import cycles', '@biomejs/biome/bin/biome', 'ci', '--colors=off', '.'),
  await tool('types', 'typescript/bin/tsc', '--noEmit', '-p', '.'),
  ...(existsSync('services/console/web/tsconfig.json')
    ? [await tool('types of the web page', 'typescript/bin/tsc', '--noEmit', '-p', 'services/console/web')]
    : []),
  lockFile(),
  featuresWritten(),
]
for (const { name, ok, output } of outcomes) {
  if (!ok) console.error(`\n${name}:\n${output.trim()}\n`)
}
for (const { name, ok, seconds } of outcomes) console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)`)
const failed = outcomes.filter((outcome) => !outcome.ok).length
console.log(failed === 0 ? 'check passed' : `check failed: ${failed} of ${outcomes.length}`)
process.exitCode = failed === 0 ? 0 : 1
