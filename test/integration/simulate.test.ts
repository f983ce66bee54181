/** `simulate`: what is played lies on the bank's topics or comes out as text, and what goes wrong is said. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Compile } from 'typebox/compile'
import { expect, onTestFinished, test, vi } from 'vitest'
import { simulateCommand } from '../../infra/simulate.ts'
import { createGateway } from '../../services/gateway/service.ts'
import { type Party, type Transaction, tenantTopic, topics } from '../../services/shared/events.ts'
import { addApiKey } from '../../services/shared/http/auth.ts'
import { eventually, testBus, testConfig, testDatabase, testTelemetry, testTenant } from '../helpers/servers.ts'
import { collect, valuesOf } from '../helpers/topics.ts'

async function bank() {
  const config = testConfig()
  const database = await testDatabase(config)
  const bus = await testBus(config)
  const { tenant } = await testTenant(database, bus)
  vi.stubEnv('ASSAY_DATABASE', config.sql.database)
  onTestFinished(() => void vi.unstubAllEnvs())
  return { config, database, bus, tenant }
}

const run = (...args: string[]) => simulateCommand().parseAsync(args, { from: 'user' })

test('Played live to Kafka, every transaction is on the topic under its key, at about the time it bears', async () => {
  const { bus, tenant } = await bank()
  const received = await collect(bus, tenantTopic(tenant, 'transactions'))
  await run('--to', 'kafka', '--tenant', tenant, '--transactions', '300', '--customers', '50', '--rate', '100', '--resends', '0')
  await eventually('300 transactions', () => received.length === 300)
  const events = valuesOf<Transaction>(received)
  expect(new Set(events.map((e) => e.id)).size).toBe(300)
  expect(received.map((r) => r.key)).toEqual(events.map((e) => topics.transactions.key(e)))
  expect(Math.max(...received.map((r, i) => Math.abs(r.timestamp - Date.parse(events[i].time))))).toBeLessThan(5000)
})

test('A bank that there is not is named before anything is sent', async () => {
  await bank()
  await expect(run('--to', 'kafka', '--tenant', 'nobody')).rejects.toMatchObject({
    code: 'tenant_unknown',
    message: expect.stringContaining('tenants add nobody') as string,
  })
})

test('Played to the gateway, all events are on the topics of the bank; a wrong key and a gateway that is away are said', async () => {
  const { config, database, bus, tenant } = await bank()
  const gateway = createGateway(config, testTelemetry())
  await gateway.start()
  onTestFinished(() => gateway.stop())
  const { key } = await addApiKey(database, tenant, 'simulate')
  const [transactions, parties] = [
    await collect(bus, tenantTopic(tenant, 'transactions')),
    await collect(bus, tenantTopic(tenant, 'parties')),
  ]
  const toGateway = (key: string) =>
    run('--to', 'gateway', '--url', gateway.url(), '--key', key, '--tenant', tenant, '--transactions', '1500', '--resends', '0')
  await toGateway(key)
  await eventually('1,500 transactions', () => transactions.length === 1500)
  const events = valuesOf<Transaction>(transactions)
  expect(new Set(events.map((t) => t.id)).size).toBe(1500)
  await eventually('every customer and instrument that pays', () => {
    const known = new Set(valuesOf<Party>(parties).flatMap((p) => [p.customer, p.instrument]))
    return events.every((t) => known.has(t.customer) && known.has(t.instrument))
  })
  await expect(toGateway('assay_wrong')).rejects.toThrow('The gateway answered 401 to parties: Send a key that is in force')
  await gateway.stop()
  await expect(toGateway(key)).rejects.toThrow(/^The gateway does not answer at http.*ECONNREFUSED/)
})

/** The command as a process of its own, with what it writes to standard error. */
function start(...args: string[]) {
  const child = spawn(process.execPath, ['infra/bootstrap.mjs', 'infra/assay.ts', 'simulate', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text
  })
  return { child, ended: once(child, 'close').then(([code]) => ({ code, errors })) }
}

test('--out - writes nothing but events to standard output, and its summary beside it', async () => {
  const { child, ended } = start('--out', '-', '--transactions', '2000', '--json')
  const check = Compile(topics.transactions.schema)
  const counts = { transactions: 0, others: 0, invalid: 0 }
  for await (const line of createInterface({ input: child.stdout })) {
    const { topic, event } = JSON.parse(line) as { topic: string; event: unknown }
    counts[topic === 'transactions' ? 'transactions' : 'others']++
    if (topic === 'transactions' && !check.Check(event)) counts.invalid++
  }
  const { code, errors } = await ended
  expect(code).toBe(0)
  const said = JSON.parse(errors)
  expect(said.transactions).toBe(2000)
  expect(counts).toEqual({
    transactions: 2000 + said.resends,
    others: said.outcomes + said.parties + said.labels,
    invalid: 0,
  })
})

test('A reader of --out - that has enough, such as head, ends it quietly', async () => {
  const { child, ended } = start('--out', '-', '--transactions', '500000')
  await once(child.stdout, 'data')
  child.stdout.destroy()
  expect(await ended).toEqual({ code: 0, errors: '' })
})

test.skipIf(!existsSync('/dev/full'))('A full disk is an error, also when it shows at the very end', async () => {
  for (const transactions of ['10', '20000'])
    await expect(run('--out', '/dev/full', '--transactions', transactions)).rejects.toMatchObject({
      code: 'file_not_written',
      message: expect.stringContaining('/dev/full could not be written: ENOSPC') as string,
    })
})
