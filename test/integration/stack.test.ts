import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { startOf } from '../../infra/stack/process.ts'
import { writeRecord } from '../../infra/stack/record.ts'
import { down, type Server, status, up } from '../../infra/stack/stack.ts'
import { findTidb } from '../../infra/stack/tidb.ts'

const ADDRESSES = ['ASSAY_KAFKA', 'ASSAY_TIDB', 'ASSAY_REDIS', 'ASSAY_REDIS_JOBS', 'ASSAY_SQL']
let folder: string
let directory: string
let said: string[]
const report = ({ message }: { message: string }) => void said.push(message)

/** Takes addresses out of the environment, so that these servers are brought up here. */
const without = (...names: string[]) => {
  for (const name of names) vi.stubEnv(name, undefined)
}
const redisOf = (servers: Server[]) => servers.find(({ name }) => name === 'redis')!
const mounted = (options: string, place: string) =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', place], { stdio: 'ignore' }).status === 0

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-stack-'))
  directory = join(folder, 'stack')
  said = []
})

afterEach(async () => {
  await down(directory)
  vi.unstubAllEnvs()
  spawnSync('umount', [directory], { stdio: 'ignore' })
  rmSync(folder, { recursive: true, force: true })
})

describe('a stack', () => {
  test('comes up, says what runs, is healed after kill -9, and goes down', { timeout: 180_000 }, async () => {
    without(...ADDRESSES)
    const sql = findTidb(directory) ? 'tidb' : 'mariadb'
    const first = await up({ directory, sql, report })
    expect(first.servers.map(({ name }) => name)).toEqual(['kafka', 'sql', 'redis'])
    for (const { version, from } of first.servers) {
      expect(version).toMatch(/^\d+\.\d+\.\d+/)
      expect(from).not.toBe('environment')
    }
    expect(first.env.ASSAY_SQL).toBe(sql)

    for (const { pid } of first.servers) process.kill(pid!, 'SIGKILL')
    await vi.waitUntil(() => first.servers.every(({ pid }) => startOf(pid!) === undefined), { timeout: 10_000 })
    expect((await status(directory)).servers.map(({ state }) => state)).toEqual(['gone', 'gone', 'gone'])

    const second = await up({ directory, sql, report })
    expect(second.env).toEqual(first.env)
    expect((await status(directory)).servers.map(({ state }) => state)).toEqual(['running', 'running', 'running'])

    expect(await down(directory)).toHaveLength(3)
    expect(second.servers.filter(({ pid }) => startOf(pid!) !== undefined)).toEqual([])
    expect(await down(directory)).toEqual([])
  })

  test('keeps its data when a server is killed', async () => {
    without('ASSAY_REDIS', 'ASSAY_REDIS_JOBS')
    const first = redisOf((await up({ directory, report })).servers)
    const client = new Redis(`redis://${first.address}`)
    await client.set('kept', 'yes')
    client.disconnect()
    process.kill(first.pid!, 'SIGKILL')
    await vi.waitUntil(() => startOf(first.pid!) === undefined)
    const second = redisOf((await up({ directory, report })).servers)
    expect(second.pid).not.toBe(first.pid)
    const again = new Redis(`redis://${second.address}`)
    expect(await again.get('kept')).toBe('yes')
    again.disconnect()
  })

  test('is the same for two who bring it up at once', async () => {
    without('ASSAY_REDIS', 'ASSAY_REDIS_JOBS')
    const [one, two] = await Promise.all([up({ directory, report }), up({ directory, report })])
    expect(one.servers).toEqual(two.servers)
  })

  test('stands beside another one', async () => {
    without('ASSAY_REDIS', 'ASSAY_REDIS_JOBS')
    const other = join(folder, 'other')
    const one = redisOf((await up({ directory, report })).servers)
    const two = redisOf((await up({ directory: other, report })).servers)
    expect(one.address).not.toBe(two.address)
    await down(other)
    expect(redisOf((await up({ directory, report })).servers).pid).toBe(one.pid)
  })

  test('takes another port when a program sits on the one it had', async () => {
    without('ASSAY_REDIS', 'ASSAY_REDIS_JOBS')
    const first = redisOf((await up({ directory, report })).servers)
    process.kill(first.pid!, 'SIGKILL')
    await vi.waitUntil(() => startOf(first.pid!) === undefined)
    const squatter = createServer()
    await new Promise<void>((resolve) => squatter.listen(Number(first.address.split(':')[1]), '127.0.0.1', resolve))
    const second = redisOf((await up({ directory, report })).servers)
    expect(second.address).not.toBe(first.address)
    await new Promise((resolve) => squatter.close(resolve))
  })

  test('ends no process that merely has the number of one it started', async () => {
    const stranger = spawn('sleep', ['60'])
    mkdirSync(directory)
    const recorded = { name: 'redis', product: 'Redis', version: '7', address: '127.0.0.1:1', from: 'found', port: 1 } as const
    writeRecord(directory, [{ ...recorded, pid: stranger.pid!, process: { pid: stranger.pid!, started: 'earlier' } }])
    expect(await down(directory)).toEqual([])
    expect(startOf(stranger.pid!)).toBeDefined()
    stranger.kill()
  })

  test('is made anew when its record was cut short', async () => {
    without('ASSAY_REDIS', 'ASSAY_REDIS_JOBS')
    mkdirSync(directory)
    writeFileSync(join(directory, 'stack.json'), '{"started":[{"na')
    expect(redisOf((await up({ directory, report })).servers).version).toMatch(/^\d/)
  })
})

test('goes down although its disk has become read-only', async ({ skip }) => {
  without('ASSAY_REDIS', 'ASSAY_REDIS_JOBS')
  mkdirSync(directory)
  if (!mounted('size=1g', directory)) skip('this machine does not let this user mount')
  const { pid } = redisOf((await up({ directory, report })).servers)
  // What the server holds open keeps the file system busy, so it is made read-only where it is next looked at.
  spawnSync('mount', ['--bind', directory, directory], { stdio: 'ignore' })
  spawnSync('mount', ['-o', 'remount,bind,ro', directory], { stdio: 'ignore' })
  expect(await down(directory)).toHaveLength(1)
  expect(startOf(pid!)).toBeUndefined()
  spawnSync('umount', [directory], { stdio: 'ignore' })
})

describe('a clear message', () => {
  test('names the variable whose address does not answer', async () => {
    vi.stubEnv('ASSAY_REDIS', 'redis://:hidden@127.0.0.1:1')
    await expect(up({ directory, report })).rejects.toThrow(/ASSAY_REDIS is redis:\/\/:\*\*\*@127\.0\.0\.1:1, but .*ECONNREFUSED.*unset it/)
  })

  test('says that the directory is on a read-only file system', async ({ skip }) => {
    without('ASSAY_REDIS', 'ASSAY_REDIS_JOBS')
    mkdirSync(directory)
    if (!mounted('ro,size=1g', directory)) skip('this machine does not let this user mount')
    await expect(up({ directory, report })).rejects.toThrow(`${directory} is on a read-only file system`)
  })

  test('says that the disk is full', async ({ skip }) => {
    without('ASSAY_REDIS', 'ASSAY_REDIS_JOBS')
    mkdirSync(directory)
    if (!mounted('size=8m', directory)) skip('this machine does not let this user mount')
    await expect(up({ directory, report })).rejects.toThrow(/has \d MB left on its disk; the servers need 512 MB/)
  })

  test('shows the end of the log of a server that does not start', async () => {
    without('ASSAY_REDIS', 'ASSAY_REDIS_JOBS')
    mkdirSync(join(directory, 'data', 'redis', 'appendonlydir'), { recursive: true })
    writeFileSync(join(directory, 'data', 'redis', 'appendonlydir', 'appendonly.aof.manifest'), 'nonsense\n')
    await expect(up({ directory, report })).rejects.toThrow(/Redis did not start: it ended by itself[\s\S]*Invalid AOF manifest/)
  })

  test('says in one line that MariaDB stands in, and how to get TiDB', async () => {
    without('ASSAY_TIDB', 'ASSAY_SQL')
    vi.stubEnv('XDG_CACHE_HOME', join(folder, 'empty-cache'))
    const { env } = await up({ directory, report })
    expect(env.ASSAY_SQL).toBe('mariadb')
    expect(said.filter((line) => line.includes('npm run stack -- build tidb'))).toHaveLength(1)
  })
})
