/** A bank's file, played through the command's own parts into a real Kafka and a real gateway. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, it, onTestFinished } from 'vitest'
import type { ReplayMap } from '../../infra/replay/map.ts'
import { play, type Reject } from '../../infra/replay/play.ts'
import { rowsOf } from '../../infra/replay/rows.ts'
import { gatewayTarget, kafkaTarget, type Target } from '../../infra/replay/targets.ts'
import { createRejects, readMap } from '../../infra/replay.ts'
import { createGateway } from '../../services/gateway/service.ts'
import { type Label, type Transaction, tenantTopic } from '../../services/shared/events.ts'
import { addApiKey } from '../../services/shared/http/auth.ts'
import { ConfigResourceTypes } from '../../services/shared/kafka/kafkajs.ts'
import { eventually, testBus, testConfig, testDatabase, testTelemetry, testTenant } from '../helpers/servers.ts'
import { collect, valuesOf } from '../helpers/topics.ts'

const map: ReplayMap = {
  format: 'csv',
  transaction: {
    id: { column: 'id' },
    kind: { constant: 'authorization' },
    instrument: { column: 'card' },
    direction: { constant: 'debit' },
    amount: { column: 'amount', decimal: ',' },
    currency: { constant: 'EUR' },
    time: { column: 'time', format: 'yyyy-MM-dd HH:mm:ss' },
  },
  label: { column: 'fraud', values: { yes: 'fraud' }, delayDays: 1, source: 'chargeback' },
}
const visa = '4111111111111111'
const bad: Record<number, string> = {
  10: 'row-10;c1;1,234,56;2018-04-01 00:00:00;no',
  500: 'row-500;c1;12,00;2018-02-30 00:00:00;no',
  777: ';c1;12,00;2018-04-01 00:00:00;no',
  1000: 'row-1000;c1;12,00',
  1500: `row-1500;${visa};-1,00;2018-04-01 00:00:00;yes`,
  1999: 'row-1999;c1;99999999999,00;2018-04-01 00:00:00;no',
}
const pad = (n: number) => String(n).padStart(2, '0')

/** 2,000 rows an hour of 2018 apart, six of them bad, every hundredth a fraud; row i stands in line i + 2. */
const file2018 = (
  at = (i: number) => `2018-04-${pad(1 + Math.floor(i / 24 / 4))} ${pad(Math.floor(i / 4) % 24)}:${pad((i % 4) * 15)}:00`,
) =>
  `id;card;amount;time;fraud\n${Array.from({ length: 2000 }, (_, i) => bad[i] ?? `row-${i};card-${i % 40};${i},50;${at(i)};${i % 100 === 0 ? 'yes' : 'no'}`).join('\n')}\n`

function fileOf(content: string | Buffer): string {
  const directory = mkdtempSync(join(tmpdir(), 'replay-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'file.csv')
  writeFileSync(path, content)
  return path
}

async function bank() {
  const config = testConfig()
  const database = await testDatabase(config)
  const bus = await testBus(config)
  const { tenant, settings } = await testTenant(database, bus)
  return { config, database, bus, tenant, target: kafkaTarget(bus, { tenant, settings, tokenKey: config.tokenKey }) }
}

async function run(target: Target, path: string, options: { limit?: number; speed?: number; map?: ReplayMap } = {}) {
  const used = options.map ?? { ...map, delimiter: ';' }
  const rejects: Reject[] = []
  const figures = await play({
    rows: rowsOf(path, used),
    map: used,
    target,
    reject: async (r) => void rejects.push(r),
    limit: options.limit,
    speed: options.speed ?? Number.POSITIVE_INFINITY,
  })
  return { figures, rejects }
}

it('sends the good rows of a file of years ago with their own time, names the bad ones, and the sums agree', async () => {
  const { bus, tenant, target } = await bank()
  const { figures, rejects } = await run(target, fileOf(gzipSync(file2018())))
  expect(figures).toEqual({ read: 2000, sent: 1994, rejected: 6, labels: 17, labelsRejected: 0 })
  expect(rejects.map((r) => r.line).toSorted((a, b) => a - b)).toEqual(Object.keys(bad).map((i) => Number(i) + 2))
  const reasons = Object.fromEntries(rejects.map((r) => [r.line - 2, r.reasons.join(' ')]))
  expect(reasons).toMatchObject({
    10: expect.stringContaining('/amount'),
    500: expect.stringContaining('is not a time'),
    777: '/id is missing',
    1000: 'has 3 columns, not 5',
    1500: expect.stringContaining('negative'),
    1999: expect.stringContaining('limit of this bank'),
  })
  const records = await collect(bus, tenantTopic(tenant, 'transactions'))
  await eventually('all transactions', () => records.length >= 1994)
  const transactions = valuesOf<Transaction>(records)
  expect(new Set(transactions.map((t) => t.id)).size).toBe(1994)
  records.forEach((record, i) => {
    expect(record.timestamp).toBe(Date.parse(transactions[i].time))
  })
  expect(transactions.find((t) => t.id === 'row-7')).toMatchObject({ amount: 750, tenant, time: '2018-04-01T01:45:00.000Z' })
  const labels = await collect(bus, tenantTopic(tenant, 'labels'))
  await eventually('all labels', () => labels.length >= 17)
  const known = valuesOf<Label>(labels)
  for (const label of known) expect(Date.parse(label.knownAt) - Date.parse(label.happenedAt)).toBe(86_400_000)
  expect(new Set(known.map((l) => l.transaction)).size).toBe(17)
})

it('keeps Kafka from deleting what is older than the retention, and leaves the topic otherwise as it was', async () => {
  const { bus, tenant, target } = await bank()
  const settingsOf = async () => {
    const admin = await bus.admin()
    const name = tenantTopic(tenant, 'transactions')
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: ConfigResourceTypes.TOPIC, name }] })
    return Object.fromEntries(resources[0].configEntries.map((e) => [e.configName, e.configValue]))
  }
  const before = await settingsOf()
  const { figures } = await run(target, fileOf(file2018()), { limit: 5 })
  expect(figures.sent).toBe(5)
  // A broker takes a moment to say what it has been told.
  const after = await eventually('the new retention', async () => {
    const now = await settingsOf()
    return Number(now['retention.ms']) > Date.now() - Date.parse('2018-04-01') && now
  })
  expect({ ...after, 'retention.ms': '' }).toEqual({ ...before, 'retention.ms': '' })
  expect(target.notes()[0]).toContain('now keeps records for')
})

it('keeps the pace that it is told', async () => {
  const { target } = await bank()
  const began = Date.now()
  // Four quarters of an hour at 3,600 times the speed take three quarters of a second.
  await run(target, fileOf(file2018()), { limit: 4, speed: 3600 })
  expect(Date.now() - began).toBeGreaterThanOrEqual(740)
})

it('says how far it came when Kafka goes away, and can be run again', async () => {
  const { target } = await bank()
  let sends = 0
  const failing: Target = { ...target, send: (items) => (++sends > 2 ? Promise.reject(new Error('Kafka is away')) : target.send(items)) }
  await expect(run(failing, fileOf(file2018()))).rejects.toThrow('Kafka is away\nAll rows before line')
  expect((await run(target, fileOf(file2018()))).figures.sent).toBe(1994)
})

it('goes through the gateway, which takes recent rows and gives its reasons for the others', async () => {
  const { config, database, tenant } = await bank()
  const gateway = createGateway(config, testTelemetry())
  await gateway.start()
  onTestFinished(() => gateway.stop())
  const { key } = await addApiKey(database, tenant, 'replay')
  const now = Date.now()
  const recent = (i: number) => new Date(now - (2000 - i) * 60_000).toISOString().slice(0, 19).replace('T', ' ')
  const { figures, rejects } = await run(gatewayTarget(gateway.url(), key), fileOf(file2018(recent)))
  expect(figures).toEqual({ read: 2000, sent: 1994, rejected: 6, labels: 17, labelsRejected: 0 })
  const old = await run(gatewayTarget(gateway.url(), key), fileOf(file2018()), { limit: 3 })
  expect([old.figures.sent, old.rejects[0].reasons]).toEqual([0, ['/time is more than 30 days ago, the limit of this bank']])
  expect(rejects).toHaveLength(6)
})

it('writes rejects as NDJSON, with card numbers masked, and no file when there are none', async () => {
  const path = `${fileOf('')}.rejects.ndjson`
  const none = createRejects(path)
  await none.end()
  expect(existsSync(path)).toBe(false)
  const rejects = createRejects(path)
  await rejects.write({ line: 7, reasons: ['/amount is negative'], row: ['a', visa] })
  await rejects.end()
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ line: 7, reasons: ['/amount is negative'], row: ['a', '************1111'] })
  const nowhere = createRejects('/nowhere/at/all')
  await expect(nowhere.write({ line: 1, reasons: [], row: null }).then(() => nowhere.end())).rejects.toThrow('ENOENT')
})

const handbook = '../shared/data/handbook/transactions.csv.gz'
it.skipIf(!existsSync(handbook))(`plays the first 5,000 rows of ${handbook}`, async () => {
  const { bus, tenant, target } = await bank()
  const { figures } = await run(target, handbook, { limit: 5000, map: readMap('infra/replay/maps/handbook.json') })
  expect(figures).toMatchObject({ read: 5000, sent: 5000, rejected: 0, labelsRejected: 0 })
  const records = await collect(bus, tenantTopic(tenant, 'transactions'))
  await eventually('all transactions', () => records.length >= 5000)
})
