import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { down, up } from '../../infra/stack/stack.ts'

/**
 * A docker client in place of one with an engine, which a test machine may lack: it notes what it is asked, and its `up` starts
 * a Redis on the port that the compose file would publish.
 */
const client = (folder: string, up: string) => `#!/bin/sh
echo "$@ secret=\${ASSAY_SECRET:+set} port=$ASSAY_REDIS_PORT" >> ${folder}/asked
case "$*" in
  *" up "*) ${up} ;;
  *" down") test ! -e ${folder}/redis.pid || kill "$(cat ${folder}/redis.pid)" ;;
esac
`
let folder: string
let directory: string
const asked = () => readFileSync(join(folder, 'asked'), 'utf8')

function installClient(up: string): void {
  writeFileSync(join(folder, 'docker'), client(folder, up), { mode: 0o755 })
  vi.stubEnv('PATH', `${folder}:${process.env.PATH}`)
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-docker-'))
  directory = join(folder, 'stack')
  for (const name of ['ASSAY_REDIS', 'ASSAY_REDIS_JOBS', 'ASSAY_SECRET']) vi.stubEnv(name, undefined)
})

afterEach(async () => {
  await down(directory)
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

test('a Docker engine that answers is taken before a program, and its containers go down with the stack', async () => {
  installClient(
    `redis-server --port "$ASSAY_REDIS_PORT" --bind 127.0.0.1 --save "" --dir ${folder} --daemonize yes --pidfile ${folder}/redis.pid
    until redis-cli -p "$ASSAY_REDIS_PORT" ping; do sleep 0.05; done`,
  )
  const stack = await up({ directory, report: () => undefined })
  const redis = stack.servers.find(({ name }) => name === 'redis')!
  expect(redis.from).toBe('docker')
  expect(redis.version).toMatch(/^\d+\.\d+\.\d+$/)
  expect(asked()).toMatch(/compose -p assay-\w{8} -f \S+docker-compose\.yml up --wait --wait-timeout 600 redis secret=set port=\d+/)
  expect((await up({ directory, report: () => undefined })).servers).toEqual(stack.servers)

  expect((await down(directory)).map(({ name }) => name)).toEqual(['redis'])
  expect(asked()).toMatch(/compose -p assay-\w{8} -f \S+ down secret/)
  expect(asked().match(/ up --wait/g)).toHaveLength(1)
  await vi.waitUntil(() => spawnSync('redis-cli', ['-p', redis.address.split(':')[1]!, 'ping']).status !== 0)
})

test('a Docker engine that cannot bring the servers up is said so, and a program is taken', async () => {
  installClient('echo "no such image" >&2; exit 1')
  const said: string[] = []
  const stack = await up({ directory, report: ({ message }) => void said.push(message) })
  expect(stack.servers.find(({ name }) => name === 'redis')!.from).not.toBe('docker')
  expect(said.join('\n')).toMatch(/Docker answers, but could not bring the servers up, so programs are used instead:[\s\S]*no such image/)
})
