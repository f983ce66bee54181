import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { prepareDirectory, tryLock, withLock, writeWhole } from '../../infra/stack/directory.ts'
import { sqlGiven, variablesFor, withoutPassword } from '../../infra/stack/environment.ts'
import { parseSqlVersion } from '../../infra/stack/health.ts'
import { freePort } from '../../infra/stack/ports.ts'
import { isAlive, self, startFromPs, startOf, stopProcess } from '../../infra/stack/process.ts'
import { readRecord } from '../../infra/stack/record.ts'
import type { Server } from '../../infra/stack/server.ts'
import { tableOf } from '../../infra/stack/table.ts'
import { needsServers } from '../helpers/test-stack.ts'

const server = (overrides: Partial<Server>): Server => ({
  name: 'redis',
  product: 'Redis',
  version: '7.0.15',
  address: '127.0.0.1:6379',
  from: 'found',
  ...overrides,
})

const NAMES = ['ASSAY_KAFKA', 'ASSAY_TIDB', 'ASSAY_REDIS', 'ASSAY_REDIS_JOBS', 'ASSAY_SQL']
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-stack-'))
  for (const name of NAMES) vi.stubEnv(name, undefined)
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

describe('a database says what it is', () => {
  test.each([
    ['8.0.11-TiDB-v8.5.6', 'TiDB', '8.5.6'],
    ['10.11.19-MariaDB-0+deb12u1', 'MariaDB', '10.11.19'],
    ['5.5.5-10.11.19-MariaDB-0+deb12u1', 'MariaDB', '10.11.19'],
  ])('%s is %s %s', (text, product, version) => expect(parseSqlVersion(text)).toEqual({ product, version }))

  test('MySQL is refused, by name', () => expect(() => parseSqlVersion('8.4.1')).toThrow('8.4.1'))
})

describe('the variables of a stack', () => {
  test('give each service what it needs, with jobs in a database of their own', () => {
    const servers = [
      server({ name: 'kafka', product: 'Apache Kafka', address: '127.0.0.1:1' }),
      server({ name: 'sql', product: 'MariaDB', address: '127.0.0.1:2' }),
      server({ address: '127.0.0.1:3' }),
    ]
    expect(variablesFor(servers)).toEqual({
      ASSAY_KAFKA: '127.0.0.1:1',
      ASSAY_TIDB: 'mysql://root@127.0.0.1:2',
      ASSAY_SQL: 'mariadb',
      ASSAY_REDIS: 'redis://127.0.0.1:3',
      ASSAY_REDIS_JOBS: 'redis://127.0.0.1:3/1',
    })
  })

  test('pass on what the environment gives, password and all, and put no jobs into a database that may not exist', () => {
    vi.stubEnv('ASSAY_REDIS', 'redis://:secret@cache:6379')
    const { ASSAY_REDIS, ASSAY_REDIS_JOBS } = variablesFor([server({ address: 'redis://:***@cache:6379', from: 'environment' })])
    expect([ASSAY_REDIS, ASSAY_REDIS_JOBS]).toEqual(['redis://:secret@cache:6379', 'redis://:secret@cache:6379'])
  })

  test('are shown without passwords', () => {
    expect(withoutPassword('mysql://app:s3cret@db:4000/x')).toBe('mysql://app:***@db:4000/x')
    expect(withoutPassword('127.0.0.1:4000')).toBe('127.0.0.1:4000')
  })

  test('refuse a database that does not exist', () => {
    vi.stubEnv('ASSAY_SQL', 'oracle')
    expect(() => sqlGiven()).toThrow('ASSAY_SQL is "oracle"; it may be tidb or mariadb')
  })
})

describe('a process', () => {
  test('is told from a later one with the same number', async () => {
    expect(isAlive(self())).toBe(true)
    const another = { pid: process.pid, started: 'at another time' }
    expect(isAlive(another)).toBe(false)
    await stopProcess(another)
    expect(startOf(process.pid)).toBeDefined()
  })

  test('has a start also where there is no /proc', () => {
    expect(startFromPs(process.pid)).toMatch(/\d\d:\d\d:\d\d 20\d\d$/)
    expect(startFromPs(2 ** 22)).toBeUndefined()
  })
})

describe('a directory', () => {
  test('is locked by one, and the lock of a dead process is taken', async () => {
    const file = join(folder, 'lock')
    const release = tryLock(file)
    expect(tryLock(file)).toEqual(self())
    if (typeof release === 'function') release()
    writeFileSync(file, JSON.stringify({ pid: 1, started: 'never' }))
    expect(tryLock(file)).toBeTypeOf('function')
    expect(readdirSync(folder)).toEqual(['lock'])
  })

  test('is worked on by one after the other', async () => {
    const steps: string[] = []
    const work = (name: string) =>
      withLock(
        join(folder, 'lock'),
        () => undefined,
        async () => {
          steps.push(`${name} begins`)
          await new Promise((resolve) => setTimeout(resolve, 20))
          steps.push(`${name} ends`)
        },
      )
    await Promise.all([work('a'), work('b')])
    expect(steps).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
  })

  test('that is a file is refused with its name', () => {
    writeFileSync(join(folder, 'file'), '')
    expect(() => prepareDirectory(join(folder, 'file'))).toThrow(join(folder, 'file'))
  })

  test('with a record that cannot be read counts as an empty one', () => {
    writeFileSync(join(folder, 'stack.json'), '{"started": [')
    expect(readRecord(folder)).toEqual([])
  })

  test('gets whole files only', () => {
    writeWhole(join(folder, 'x'), 'whole')
    expect(readFileSync(join(folder, 'x'), 'utf8')).toBe('whole')
    expect(readdirSync(folder)).toEqual(['x'])
  })
})

test.each([
  [[], true],
  [['--project', 'alone'], false],
  [['--project=alone', '--project=servers'], true],
  [['test/unit/stack.test.ts'], false],
  [['test/unit/stack.test.ts', 'test/integration'], true],
  [['-t', 'a name'], true],
])('npm test with %j brings servers up: %s', (args, expected) => expect(needsServers(args)).toBe(expected))

test('a port that is taken is replaced by a free one', async () => {
  const first = await freePort()
  expect(await freePort(first)).toBe(first)
  const { createServer } = await import('node:net')
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(first, '127.0.0.1', resolve))
  const second = await freePort(first)
  expect(second).not.toBe(first)
  await new Promise((resolve) => taken.close(resolve))
})

test('the table is aligned and says where a server came from', () => {
  const lines = tableOf([server({ pid: 12 }), server({ name: 'sql', product: 'TiDB', from: 'docker' })]).split('\n')
  expect(lines).toEqual([
    'server  version  address         from    process  state',
    'Redis   7.0.15   127.0.0.1:6379  found   12       running',
    'TiDB    7.0.15   127.0.0.1:6379  docker           running',
  ])
})
