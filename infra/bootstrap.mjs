// node infra/bootstrap.mjs <entry.ts> [arguments]
// Runs an entry of this repository from a bare clone: it needs nothing but Node, installs the packages when they do not
// match the lock file, reads .env, and runs the entry in this very process, so that signals and the exit status are its own.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

function fail(message) {
  process.stderr.write(`assay: ${message}\n`)
  process.exit(1)
}

function requireNode(least) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const [leastMajor, leastMinor] = least.split('.').map(Number)
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return
  fail(`Node ${least} or later is needed, this is ${process.versions.node} (${process.execPath}). With nvm: nvm install 22`)
}

/** Compares what npm recorded in node_modules with the lock file; packages of other platforms and failed optional ones may be absent. */
function packagesMatch() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
    const present = JSON.parse(readFileSync(join(root, 'node_modules/.package-lock.json'), 'utf8')).packages
    return Object.entries(wanted).every(([path, entry]) => {
      if (path === '') return true
      if (!present[path]) return Boolean(entry.optional || entry.devOptional)
      return present[path].version === entry.version && present[path].integrity === entry.integrity
    })
  } catch {
    return false
  }
}

function installPackages() {
  const started = Date.now()
  process.stderr.write('assay: installing the packages of package-lock.json ...\n')
  // npm's words go to standard error: standard output belongs to the entry, whose last line may be JSON.
  const npm = spawnSync('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: root, stdio: ['ignore', 2, 2] })
  if (npm.error) fail(`npm could not be run (${npm.error.message}). It comes with Node; is it on the PATH?`)
  if (npm.status !== 0) fail('npm ci failed, see above. It needs a registry that answers, or a filled npm cache.')
  process.stderr.write(`assay: packages installed in ${Math.round((Date.now() - started) / 1000)} s\n`)
}

const [entry, ...args] = process.argv.slice(2)
requireNode('20.19')
if (!entry) fail('usage: node infra/bootstrap.mjs <entry.ts> [arguments]')
const file = resolve(root, entry)
if (!existsSync(file)) fail(`there is no ${file}`)
if (!packagesMatch()) installPackages()
const environment = join(root, '.env')
if (existsSync(environment)) process.loadEnvFile(environment)

const { runSources } = await import('./run-sources.mjs')
try {
  await runSources(file, args)
} catch (error) {
  // TensorFlow.js would throw it anew, with the one long line of its own source where it does so.
  fail(error?.stack ?? error)
}
