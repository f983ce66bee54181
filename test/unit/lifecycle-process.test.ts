import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

/** Runs a service as a process of its own; `script` is the body of a module that has `run`, `telemetry`, `config` and `say`. */
function start(script: string) {
  const head = `import { run } from '${resolve('services/shared/lifecycle.ts')}'
    import { createTelemetry } from '${resolve('services/shared/telemetry.ts')}'
    const telemetry = createTelemetry('test', 'info')
    const config = { host: '127.0.0.1', healthPort: 0 }
    const say = (what) => process.stdout.write(what + '\\n')
    const alive = setInterval(() => undefined, 1000)
    const health = () => ({ ready: true, problems: [] })\n`
  const folder = mkdtempSync(join(tmpdir(), 'assay-lifecycle-'))
  const entry = join(folder, 'entry.ts')
  writeFileSync(entry, head + script)
  const child = spawn(process.execPath, ['infra/bootstrap.mjs', entry], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  })
  let output = ''
  const waiting: { text: string; found(): void }[] = []
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    for (const w of waiting) if (output.includes(w.text)) w.found()
  })
  return {
    child,
    output: () => output,
    said: (text: string) => new Promise<void>((found) => (output.includes(text) ? found() : waiting.push({ text, found }))),
    ended: once(child, 'exit').then(([code]) => code as number),
  }
}

test('SIGTERM lets a service finish what is in hand, and ends it with status 0', async () => {
  const service = start(`await run({ name: 'x', health, start: async () => say('started'),
    stop: async () => { say('finishing'); await new Promise((r) => setTimeout(r, 200)); say('finished') } }, { config, telemetry })`)
  await service.said('"ready"')
  service.child.kill('SIGTERM')
  expect(await service.ended).toBe(0)
  expect(service.output()).toMatch(/started[\s\S]*finishing[\s\S]*finished/)
})

test('a second signal ends a service that does not finish', async () => {
  const service = start(
    `await run({ name: 'x', health, start: async () => {}, stop: () => { say('stuck'); return new Promise(() => {}) } }, { config, telemetry })`,
  )
  await service.said('"ready"')
  service.child.kill('SIGTERM')
  await service.said('stuck')
  service.child.kill('SIGINT')
  expect(await service.ended).toBe(1)
})

test('a service that cannot start says why, lets go of what it opened, and ends with status 1', async () => {
  const service = start(`await run({ name: 'x', health, start: async () => { throw new Error('the model does not fit') },
    stop: async () => say('let go') }, { config, telemetry })`)
  expect(await service.ended).toBe(1)
  expect(service.output()).toContain('let go')
  expect(service.output()).toContain('the model does not fit')
})

test('secrets do not come into the log', async () => {
  const service =
    start(`telemetry.logger.info({ password: 'hunter2', user: { apiKey: 'hunter2' }, req: { headers: { authorization: 'hunter2', cookie: 'hunter2' } } }, 'done')
    clearInterval(alive)`)
  await service.ended
  expect(service.output()).toContain('done')
  expect(service.output()).not.toContain('hunter2')
})
