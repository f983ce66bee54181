import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const NO_REGISTRY = {
  npm_config_registry: 'http://127.0.0.1:1/',
  npm_config_fetch_retries: '0',
  GOPROXY: 'off',
  HTTP_PROXY: 'http://127.0.0.1:1',
  HTTPS_PROXY: 'http://127.0.0.1:1',
}

let clone: string
const bootstrap = () => join(clone, 'infra', 'bootstrap.mjs')

/** A folder that looks like a clone, with the entry that a test wants to run in it. */
function write(entry: string): void {
  writeFileSync(join(clone, 'entry.ts'), entry)
}

function run(...args: string[]) {
  const { ASSAY_SECRET: _secret, ...environment } = process.env
  return spawnSync(process.execPath, [bootstrap(), ...args], { encoding: 'utf8', env: { ...environment, ...NO_REGISTRY } })
}

beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'assay-clone-'))
  mkdirSync(join(clone, 'infra'))
  for (const file of ['bootstrap.mjs', 'run-sources.mjs', 'packed-packages.mjs'])
    copyFileSync(join('infra', file), join(clone, 'infra', file))
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(file, join(clone, file))
})

afterEach(() => rmSync(clone, { recursive: true }))

describe('the bootstrap, with the packages there and no registry', () => {
  beforeEach(() => symlinkSync(resolve('node_modules'), join(clone, 'node_modules')))

  test('runs TypeScript with its arguments and gives its exit status', () => {
    write('const text: string = process.argv.slice(2).join("+"); console.log(text); process.exitCode = 7')
    const { stdout, status } = run('entry.ts', 'a', '--b')
    expect([stdout, status]).toEqual(['a+--b\n', 7])
  })

  test('loads .env and lets the environment win', () => {
    writeFileSync(join(clone, '.env'), 'ASSAY_FROM_FILE=file\nASSAY_SQL_TEST=file\n')
    write('console.log(process.env.ASSAY_FROM_FILE, process.env.ASSAY_SQL_TEST)')
    const environment = { ...process.env, ASSAY_SQL_TEST: 'environment' }
    const { stdout } = spawnSync(process.execPath, [bootstrap(), 'entry.ts'], { encoding: 'utf8', env: environment })
    expect(stdout).toBe('file environment\n')
  })

  test('is the process that gets the signal', async () => {
    write('process.on("SIGTERM", () => process.exit(3)); setInterval(() => undefined, 1000); console.log(process.pid)')
    const child = spawn(process.execPath, [bootstrap(), 'entry.ts'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [pid] = await new Promise<string[]>((done) => child.stdout.once('data', (text) => done([String(text).trim()])))
    expect(Number(pid)).toBe(child.pid)
    child.kill('SIGTERM')
    expect(await new Promise((done) => child.once('exit', done))).toBe(3)
  })

  test('names an entry that is not there', () => {
    const { stderr, status } = run('nothing.ts')
    expect(stderr).toContain(`there is no ${join(clone, 'nothing.ts')}`)
    expect(status).toBe(1)
  })
})

test('without packages and without a registry it says what it needs, on standard error only', () => {
  write('console.log("never")')
  const empty = { npm_config_cache: join(clone, 'empty-cache') }
  const { stdout, stderr, status } = spawnSync(process.execPath, [bootstrap(), 'entry.ts'], {
    encoding: 'utf8',
    env: { ...process.env, ...NO_REGISTRY, ...empty },
  })
  expect([stdout, status]).toEqual(['', 1])
  expect(stderr).toContain('installing the packages of package-lock.json')
  expect(stderr).toContain('It needs a registry that answers, or a filled npm cache.')
})

test('with everything cached a stack comes up without any registry', { timeout: 120_000 }, () => {
  const { ASSAY_REDIS: _redis, ASSAY_REDIS_JOBS: _jobs, ...environment } = process.env
  const stack = (...args: string[]) =>
    spawnSync(process.execPath, ['infra/bootstrap.mjs', 'infra/stack/main.ts', ...args, '--directory', join(clone, 'stack')], {
      encoding: 'utf8',
      env: { ...environment, ...NO_REGISTRY },
    })
  const { stdout, status, stderr } = stack('up', '--json')
  expect(stderr).not.toContain('install')
  expect(status).toBe(0)
  expect(JSON.parse(stdout).env.ASSAY_REDIS).toMatch(/^redis:\/\/127\.0\.0\.1:\d+$/)
  expect(stack('down').stdout).toBe('ended Redis\n')
})
