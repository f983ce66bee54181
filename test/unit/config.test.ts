import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseSqlAddress, readConfig, variables } from '../../services/shared/config.ts'
import type { AssayError } from '../../services/shared/errors.ts'

const secret = 'x'.repeat(32)
const complete = { ASSAY_KAFKA: 'a:9092, b:9092', ASSAY_TIDB: 'db:4000', ASSAY_REDIS: 'redis://r:6379', ASSAY_SECRET: secret }

const problemsOf = (env: Record<string, string | undefined>): string[] => {
  try {
    readConfig(env)
  } catch (error) {
    expect(error).toMatchObject({ code: 'config_invalid' })
    return (error as AssayError).details.problems as string[]
  }
  return []
}

describe('the configuration', () => {
  test('takes defaults for all that may be left out', () => {
    expect(readConfig(complete)).toEqual({
      kafka: ['a:9092', 'b:9092'],
      backend: 'wasm',
      guards: { minutes: 15, rows: 500, alertRatio: 2, scoreShift: 0.25, latencyRatio: 3, errorShare: 0.01 },
      sql: { host: 'db', port: 4000, user: 'root', password: '', database: 'assay' },
      redis: 'redis://r:6379',
      redisJobs: 'redis://r:6379',
      group: 'assay',
      logLevel: 'info',
      host: '127.0.0.1',
      gatewayPort: 8400,
      consolePort: 8401,
      healthPort: 8402,
      modelDirectory: 'models/default',
      trainerMemory: 2048,
      retrainDays: 30,
      retrainLabels: 0,
      tokenKey: secret,
    })
  })

  test('names everything that is missing at once', () => {
    const problems = problemsOf({})
    expect(problems.map((p) => p.split(' ')[0])).toEqual(['ASSAY_KAFKA', 'ASSAY_TIDB', 'ASSAY_REDIS', 'ASSAY_SECRET'])
  })

  test('names everything that is wrong at once, with what would be right', () => {
    const problems = problemsOf({
      ...complete,
      ASSAY_KAFKA: 'broker',
      ASSAY_TIDB: 'postgres://db:5432',
      ASSAY_DATABASE: 'a-b; DROP',
      ASSAY_REDIS: 'localhost:6379',
      ASSAY_LOG_LEVEL: 'loud',
      ASSAY_GATEWAY_PORT: '99999',
      ASSAY_HEALTH_PORT: 'eighty',
      ASSAY_TRAINER_MEMORY: '64',
      ASSAY_SECRET: 'short',
    })
    expect(problems).toHaveLength(9)
    expect(problems.join('\n')).toMatch(/host:port[\s\S]*mysql:\/\/[\s\S]*32 are needed/)
  })

  test('takes an empty text for a variable that is not set, as compose files pass it on', () => {
    const empty = Object.fromEntries(variables.map((v) => [v.name, '']))
    expect(readConfig({ ...empty, ...complete }).host).toBe('127.0.0.1')
    expect(problemsOf({ ...complete, ASSAY_SECRET: '' })).toHaveLength(1)
  })

  test('gives BullMQ a Redis of its own when one is named', () => {
    expect(readConfig({ ...complete, ASSAY_REDIS_JOBS: 'rediss://jobs:6380/1' }).redisJobs).toBe('rediss://jobs:6380/1')
  })

  test('shows no password in what it complains of', () => {
    const problems = problemsOf({ ...complete, ASSAY_REDIS: 'http://:hunter2@r:6379', ASSAY_TIDB: 'http://root:hunter2@db' })
    expect(problems).toHaveLength(2)
    expect(problems.join()).not.toContain('hunter2')
  })
})

describe('the address of the database', () => {
  test.each([
    ['db', { host: 'db', port: 4000, user: 'root', password: '', database: 'assay' }],
    ['db:4001', { host: 'db', port: 4001, user: 'root', password: '', database: 'assay' }],
    ['mysql://u:p%40ss@db:4002/other', { host: 'db', port: 4002, user: 'u', password: 'p@ss', database: 'other' }],
    ['[::1]:4000', { host: '::1', port: 4000, user: 'root', password: '', database: 'assay' }],
  ])('%s is understood', (text, address) => {
    expect(parseSqlAddress(text, 'assay')).toEqual(address)
  })

  test('may not name a database that would need quoting', () => {
    expect(() => parseSqlAddress('mysql://db/a`b', 'assay')).toThrow('letters, digits and underscores')
  })
})

describe('.env.example', () => {
  const text = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8')
  const entries = [...text.matchAll(/^# (.*)\n#?\s?(ASSAY_\w+)=(.*)$/gm)].map(([, comment, name, value]) => ({ comment, name, value }))

  test('has every variable that the services read, in their order, with its meaning, unit and default', () => {
    const known = entries.slice(0, variables.length)
    expect(known.map((e) => e.name)).toEqual(variables.map((v) => v.name))
    for (const variable of variables) {
      const entry = entries.find((e) => e.name === variable.name)
      expect(entry?.comment).toContain(variable.meaning)
      expect(entry?.comment).toContain(variable.unit)
      if ('default' in variable) expect(entry?.value).toBe(variable.default)
    }
  })

  test('has what the stack reads besides, and nothing that nobody reads', () => {
    expect(entries.slice(variables.length).map((e) => e.name)).toEqual(['ASSAY_SQL'])
  })

  test('is itself a configuration without problems, once it has a secret', () => {
    const env = Object.fromEntries([...text.matchAll(/^(ASSAY_\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]))
    expect(problemsOf(env).map((p) => p.split(' ')[0])).toEqual(['ASSAY_SECRET'])
    expect(problemsOf({ ...env, ASSAY_SECRET: secret })).toEqual([])
  })
})
