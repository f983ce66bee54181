import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const OUTPUT = 'dist'
const WEB = join('services', 'console', 'web')
const SOURCES = ['services', 'models', 'infra']
const SOURCE_FILE = /\.(ts|tsx|mjs)$/

function step(name: string, args: string[]): void {
  const started = Date.now()
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (status !== 0) {
    console.error(`build failed: ${name}`)
    process.exit(1)
  }
  console.log(`${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`)
}

/** What the compiler leaves behind and the services read: models, maps, SQL. */
function copyAssets(): number {
  let copied = 0
  for (const source of SOURCES) {
    for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name)
      if (!entry.isFile() || SOURCE_FILE.test(entry.name) || file.startsWith(WEB)) continue
      cpSync(file, join(OUTPUT, file))
      copied += 1
    }
  }
  return copied
}

rmSync(OUTPUT, { recursive: true, force: true })
step('compiled', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'])
console.log(`${copyAssets()} other files copied`)
if (existsSync(join(WEB, 'index.html')))
  step('web page built', [
    'node_modules/vite/bin/vite.js',
    'build',
    WEB,
    '--outDir',
    join(process.cwd(), OUTPUT, WEB),
    '--logLevel',
    'warn',
  ])
