// Packages that consist of hundreds of small modules, each as a few large ones: to read typebox file by file costs every process half a second.
// None of them needs another package. They are packed once, beside the packages, and lie there until a version changes.
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const packages = fileURLToPath(new URL('../node_modules', import.meta.url))
const entries = { typebox: ['typebox', 'typebox/compile', 'typebox/system'], kysely: ['kysely'] }

/** Below the packages, so that what is imported from there is found. */
export function cacheFolder() {
  const folder = join(packages, '.cache', 'assay')
  mkdirSync(folder, { recursive: true })
  return realpathSync(folder)
}

async function pack(name, folder) {
  const unfinished = `${folder}.${process.pid}`
  await build({
    entryPoints: entries[name].map((entry) => ({ in: entry, out: entry })),
    absWorkingDir: dirname(packages),
    outdir: unfinished,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  })
  try {
    renameSync(unfinished, folder)
  } catch (error) {
    // Another process was quicker.
    rmSync(unfinished, { recursive: true, force: true })
    if (!existsSync(folder)) throw error
  }
}

/** The file to import in place of each of those names. */
export async function packedPackages() {
  const files = {}
  for (const [name, imports] of Object.entries(entries)) {
    const { version } = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8'))
    const folder = join(cacheFolder(), `${name}-${version}`)
    if (!existsSync(folder)) await pack(name, folder)
    for (const entry of imports) files[entry] = join(folder, `${entry}.mjs`)
  }
  return files
}
