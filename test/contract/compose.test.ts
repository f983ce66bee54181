import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'

type Service = {
  image: string
  command?: string[]
  environment?: Record<string, string | number>
  ports?: string[]
  volumes?: string[]
  healthcheck?: { test?: string[]; disable?: boolean }
  depends_on?: Record<string, { condition: string }>
}

const text = readFileSync('docker-compose.yml', 'utf8')
const compose = parse(text, { merge: true }) as { services: Record<string, Service>; volumes: Record<string, unknown> }
const dockerfile = readFileSync('infra/Dockerfile', 'utf8')
const ours = Object.entries(compose.services).filter(([, { image }]) => image.startsWith('assay:'))

describe('docker-compose.yml', () => {
  test('is what the Compose Specification allows', () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true })
    const schema = JSON.parse(readFileSync('test/contract/compose-schema/compose-spec.json', 'utf8')) as object
    const validate = ajv.compile(schema)
    validate(compose)
    expect(validate.errors ?? []).toEqual([])
    expect(validate({ services: { kafka: { imagee: 'x' } } })).toBe(false)
  })

  test('runs every service of this repository once', () => {
    for (const name of readdirSync('services').filter((name) => existsSync(`services/${name}/main.ts`))) {
      expect(compose.services[name]?.command, name).toEqual(['node', `dist/services/${name}/main.js`])
    }
  })

  test('names no service that this repository does not have', () => {
    for (const [name, { command }] of ours) {
      const script = command![1]!.replace(/^dist\/(.*)\.js$/, '$1.ts')
      expect(existsSync(script), `${name} runs ${script}`).toBe(true)
    }
  })

  test('uses only variables that .env.example documents', () => {
    const documented = new Set([...readFileSync('.env.example', 'utf8').matchAll(/^#?\s*(ASSAY_\w+)=/gm)].map(([, name]) => name!))
    const set = ours.flatMap(([, { environment }]) => Object.keys(environment ?? {})).filter((name) => name.startsWith('ASSAY_'))
    expect([...new Set(set)].filter((name) => !documented.has(name))).toEqual([])
  })

  test('takes secrets from the environment and refuses to start without them', () => {
    expect(text).toMatch(/ASSAY_SECRET: \$\{ASSAY_SECRET:\?[^}]+\}/)
  })

  test('has no variable that compose would misread', () => {
    const misread = [...text.matchAll(/\$+\{[^}]*\}/g)]
      .map(([found]) => found)
      .filter((found) => !/^\$\$\{|^\$\{[A-Z_]+(:[-?][^}]*)?\}$/.test(found))
    expect(misread).toEqual([])
  })

  test('publishes ports on 127.0.0.1 only', () => {
    const ports = Object.values(compose.services).flatMap((service) => service.ports ?? [])
    expect(ports.length).toBeGreaterThan(0)
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
  })

  test('waits for what is asked to be healthy, and every server and service says whether it is', () => {
    for (const [name, { depends_on, healthcheck }] of Object.entries(compose.services)) {
      expect(healthcheck, name).toBeDefined()
      for (const [other, { condition }] of Object.entries(depends_on ?? {})) {
        if (condition === 'service_healthy') expect(compose.services[other]!.healthcheck!.test, other).toBeDefined()
      }
    }
  })

  test('declares every volume that it uses', () => {
    const used = Object.values(compose.services).flatMap(({ volumes }) => (volumes ?? []).map((volume) => volume.split(':')[0]!))
    expect(new Set(used)).toEqual(new Set(Object.keys(compose.volumes)))
  })

  test('keeps jobs: Redis evicts nothing and appends to a file', () => {
    const command = compose.services.redis!.command!.join(' ')
    expect(command).toContain('--maxmemory-policy noeviction')
    expect(command).toContain('--appendonly yes')
  })
})

describe('infra/Dockerfile', () => {
  test('runs as another user than root, and has a health check', () => {
    expect(dockerfile.match(/^USER (\S+)$/m)?.[1]).toBe('node')
    expect(dockerfile).toMatch(/^HEALTHCHECK /m)
  })

  test('copies only what is there', () => {
    const sources = [...dockerfile.matchAll(/^COPY (?!--from)(.*)$/gm)].flatMap(([, line]) => line!.split(' ').slice(0, -1))
    expect(sources.filter((source) => !existsSync(source))).toEqual([])
  })
})
