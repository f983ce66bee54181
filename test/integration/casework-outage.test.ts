import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type DeadLetter, innerTopics, tenantTopic, topics } from '../../services/shared/events.ts'
import { partitionOf } from '../../services/shared/kafka/kafkajs.ts'
import { alert } from '../helpers/alerts.ts'
import { bank } from '../helpers/bank.ts'
import { cases, casework, events, ladder, send } from '../helpers/casework.ts'
import { ended, spawnService } from '../helpers/process.ts'
import { proxy } from '../helpers/proxy.ts'
import { redisServer } from '../helpers/redis.ts'
import { eventually } from '../helpers/servers.ts'
import { collect, valuesOf } from '../helpers/topics.ts'

describe('on a bad day', () => {
  test('what is no alert, or another bank’s, becomes a dead letter with its place and reason, and the good ones around it open cases', async () => {
    const b = await bank({}, 4)
    await casework(b.config)
    const topic = tenantTopic(b.name, 'alerts')
    const bad = [
      '{',
      'null',
      '{"id":"x"}',
      JSON.stringify(alert('another-bank', 'eve', 'e-1')),
      JSON.stringify({ ...alert(b.name, 'eve', 'e-2'), score: 'high', counterparty: '4111111111111111' }),
    ]
    const key = topics.alerts.key(alert(b.name, 'anna', 'a-1'))
    await send(b, [alert(b.name, 'anna', 'a-1')])
    await b.bus.send(bad.map((value) => ({ topic, key, value })))
    await send(b, [alert(b.name, 'anna', 'a-2')])
    await eventually('both good ones', async () => (await cases(b))[0]?.amount === 2 * alert(b.name, '', '').amount)
    expect(await cases(b)).toHaveLength(1)
    const letters = await collect(b.bus, innerTopics.deadLetters)
    const ours = () =>
      valuesOf<DeadLetter>(letters)
        .filter((l) => l.tenant === b.name)
        .toSorted((x, y) => Number(x.offset) - Number(y.offset))
    await eventually('five dead letters', () => ours().length === 5)
    const partition = partitionOf(key, 4)
    expect(ours().map((l) => [l.offset, l.reason])).toEqual(
      ['not_json', 'invalid', 'invalid', 'tenant_mismatch', 'invalid'].map((reason, i) => [String(i + 1), reason]),
    )
    expect(ours()[0]).toMatchObject({
      topic,
      partition,
      key: Buffer.from(key).toString('base64'),
      value: Buffer.from('{').toString('base64'),
    })
    const masked = Buffer.from(ours()[4].value as string, 'base64').toString()
    expect(masked).toBe(bad[4].replace('411111111111', '************'))
    expect(ours()[4].detail).toContain('/score')
    const rows = await b.database.query<{ reason: string }>(
      "SELECT reason FROM dead_letters WHERE tenant = ? AND topic = 'alerts' ORDER BY log_offset",
      [b.name],
    )
    expect(rows.map((r) => r.reason)).toEqual(ours().map((l) => l.reason))
  })

  test('it is killed while alerts come: each is in one case once, and cases escalate', async () => {
    const customers = 4
    const b = await bank(ladder(1))
    let sent = 0
    const more = async () => {
      await send(
        b,
        Array.from({ length: 20 }, (_, i) => alert(b.name, `c-${i % customers}`, `a-${sent + i}`)),
      )
      sent += 20
    }
    const taken = async () => (await b.database.query('SELECT transaction_id FROM case_transactions WHERE tenant = ?', [b.name])).length
    await more()
    await more()
    const child = spawnService('casework', b.config)
    await eventually('alerts to be taken in', async () => (await taken()) > 0)
    child.kill('SIGKILL')
    await ended(child)
    await more()
    expect(await taken()).toBeLessThan(sent)
    await casework(b.config)
    await eventually('all alerts', async () => (await taken()) === sent)
    const all = await cases(b)
    expect(all).toHaveLength(customers)
    expect(all.map((c) => c.amount)).toEqual(all.map(() => (sent / customers) * alert(b.name, '', '').amount))
    for (const { id } of all) await eventually('the escalation', async () => (await events(b, id))?.includes('escalated'))
    for (const { id } of all)
      expect((await events(b, id))?.filter((e) => e === 'opened' || e === 'escalated').toSorted()).toEqual(['escalated', 'opened'])
  })

  test('TiDB is away while alerts come: they wait, and open their cases when it is back', async () => {
    const b = await bank()
    const between = await proxy(b.config.sql.host, b.config.sql.port)
    const service = await casework({ ...b.config, sql: { ...b.config.sql, host: '127.0.0.1', port: between.port } })
    between.cut()
    await send(b, [alert(b.name, 'anna', 'a-1')])
    await eventually('health that says so', () => !service.health().ready)
    expect(service.health().problems.join()).toContain('TiDB')
    between.mend()
    await eventually('the case', async () => (await cases(b)).length === 1)
    await eventually('health', () => service.health().ready)
  })

  test('Redis is away all the time: cases are opened, and the sweep escalates them', async () => {
    const b = await bank(ladder(0.3, 0.3))
    const redis = await redisServer()
    await redis.kill()
    const service = await casework({ ...b.config, redisJobs: redis.address })
    await send(b, [alert(b.name, 'anna', 'a-1')])
    const anna = await eventually('the case', async () => (await cases(b))[0])
    await eventually('two steps', async () => (await events(b, anna.id))?.length === 3)
    expect(service.health().problems.join()).toContain('Redis')
  })

  test('a webhook that never answers holds up no escalation', async () => {
    const server = createServer(() => undefined)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const b = await bank({
      ...ladder(0.2, 0.2, 0.2),
      notify: { webhookUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` },
    })
    await casework(b.config)
    await send(b, [alert(b.name, 'anna', 'a-1')])
    const anna = await eventually('the case', async () => (await cases(b))[0])
    const from = Date.now()
    await eventually('three steps', async () => (await events(b, anna.id))?.length === 4)
    expect(Date.now() - from).toBeLessThan(4500)
    server.closeAllConnections()
  })
})
