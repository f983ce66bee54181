import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createCasework } from '../../services/casework/service.ts'
import { takeAlert } from '../../services/casework/take-alert.ts'
import type { Config } from '../../services/shared/config.ts'
import { type Alert, type DeadLetter, innerTopics, type Label, tenantTopic, topics } from '../../services/shared/events.ts'
import { partitionOf } from '../../services/shared/kafka/kafkajs.ts'
import { claimCase, giveVerdict, listCases, readCase, releaseCase } from '../../services/shared/tidb/cases.ts'
import { createDatabase } from '../../services/shared/tidb/database.ts'
import { createOutboxRelay } from '../../services/shared/tidb/outbox.ts'
import { alert } from '../helpers/alerts.ts'
import { type Bank, bank } from '../helpers/bank.ts'
import { outage, outageSeconds } from '../helpers/outage.ts'
import { ended, spawnService } from '../helpers/process.ts'
import { proxy } from '../helpers/proxy.ts'
import { redisServer } from '../helpers/redis.ts'
import { eventually, testTelemetry } from '../helpers/servers.ts'
import { collect, valuesOf } from '../helpers/topics.ts'

const ladder = (...seconds: number[]) => ({
  escalation: seconds.map((afterSeconds, i) => ({ role: (['analyst', 'lead', 'manager'] as const)[i], afterSeconds })),
})

async function casework(config: Config) {
  const service = createCasework(config, testTelemetry(), { sweepMs: 300, graceMs: 300 })
  onTestFinished(() => service.stop())
  await service.start()
  return service
}

const send = (b: Bank, alerts: Alert[]) =>
  b.bus.send(alerts.map((a) => ({ topic: tenantTopic(b.name, 'alerts'), key: topics.alerts.key(a), value: JSON.stringify(a) })))

const cases = async (b: Bank) => (await listCases(b.database, { tenant: b.name })).cases
const events = async (b: Bank, caseId: string) => (await readCase(b.database, { tenant: b.name, caseId }))?.history.map((h) => h.event)

describe('casework', () => {
  test('opens one case a customer, which later alerts join, however often they are delivered', async () => {
    const b = await bank()
    await casework(b.config)
    const [one, two, other] = [alert(b.name, 'anna', 'a-1'), alert(b.name, 'anna', 'a-2', { score: 0.9 }), alert(b.name, 'bert', 'b-1')]
    await send(b, [one, two, other, one, two])
    await eventually('two cases', async () => (await cases(b)).length === 2)
    await send(b, [one])
    const anna = await eventually('both alerts of anna', async () =>
      (await cases(b)).find((c) => c.customer === 'anna' && c.maxScore === 0.9),
    )
    expect((await readCase(b.database, { tenant: b.name, caseId: anna.id }))?.alerts.map((a) => a.transaction)).toEqual(['a-1', 'a-2'])
    expect(anna.amount).toBe(one.amount + two.amount)
    expect(await events(b, anna.id)).toEqual(['opened', 'joined'])
  })

  test('tells analyst, lead and manager in turn, each once, and tells nobody after a claim', async () => {
    const b = await bank(ladder(0.3, 0.3, 0.3))
    await casework(b.config)
    await send(b, [alert(b.name, 'anna', 'a-1')])
    const anna = await eventually('the case', async () => (await cases(b))[0])
    await eventually('three steps', async () => (await events(b, anna.id))?.length === 4)
    expect(await events(b, anna.id)).toEqual(['opened', 'escalated', 'escalated', 'escalated'])
    const notices = await eventually('three notices', async () => {
      const sent = await b.database.query<{ step: number }>(
        'SELECT step FROM notifications WHERE tenant = ? AND sent IS NOT NULL ORDER BY step',
        [b.name],
      )
      return sent.length === 3 && sent
    })
    expect(notices.map((n) => n.step)).toEqual([0, 1, 2])
    await send(b, [alert(b.name, 'bert', 'b-1')])
    const bert = await eventually('the second case', async () => (await cases(b)).find((c) => c.customer === 'bert'))
    await claimCase(b.database, { tenant: b.name, caseId: bert.id, actor: 'ada' })
    await new Promise((resolve) => setTimeout(resolve, 1200))
    const after = (await events(b, bert.id)) ?? []
    expect(after.slice(after.indexOf('claimed'))).toEqual(['claimed'])
  })

  test('sends a bank’s webhook a signed notice, and again until it is heard', async () => {
    const heard: { id: string | undefined; signature: string | undefined; body: string }[] = []
    let failures = 2
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      request.on('end', () => {
        if (failures-- > 0) return void response.writeHead(500).end()
        heard.push({ id: request.headers['assay-id'] as string, signature: request.headers['assay-signature'] as string, body })
        response.writeHead(204).end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const webhookUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
    const b = await bank({ ...ladder(0.2), notify: { webhookUrl, webhookSecret: 'a secret of the bank' } })
    await casework(b.config)
    await send(b, [alert(b.name, 'anna', 'a-1')])
    await eventually('the webhook', () => heard.length > 0)
    expect(heard).toHaveLength(1)
    expect(heard[0].signature).toMatch(/^sha256=[0-9a-f]{64}$/)
    expect(JSON.parse(heard[0].body)).toMatchObject({ tenant: b.name, step: 0, role: 'analyst' })
  })

  test('keeps its timers when Redis goes away and comes back with an empty disk, and casework is started anew', async () => {
    const b = await bank(ladder(outageSeconds + 2))
    const redis = await redisServer()
    const first = await casework({ ...b.config, redisJobs: redis.address })
    await send(b, [alert(b.name, 'anna', 'a-1')])
    await eventually('the case', async () => (await cases(b)).length === 1)
    await redis.kill()
    await send(b, [alert(b.name, 'bert', 'b-1')])
    await eventually('the case without Redis', async () => (await cases(b)).length === 2)
    await outage()
    expect(first.health().problems.join()).toContain('Redis')
    await redis.startEmpty()
    await eventually('health', () => first.health().ready)
    await first.stop()
    await casework({ ...b.config, redisJobs: redis.address })
    for (const { id } of await cases(b)) {
      await eventually('the escalation', async () => (await events(b, id))?.includes('escalated'))
      expect(await events(b, id)).toEqual(['opened', 'escalated'])
    }
  })

  test('does not wake anybody for a random sample, until a real alert joins it', async () => {
    const b = await bank(ladder(0.2))
    await casework(b.config)
    await send(b, [alert(b.name, 'anna', 'a-1', { sample: true, action: 'approve' })])
    const anna = await eventually('the case', async () => (await cases(b))[0])
    expect(anna).toMatchObject({ sample: true, dueAt: null })
    await send(b, [alert(b.name, 'anna', 'a-2')])
    await eventually('the escalation', async () => (await events(b, anna.id))?.includes('escalated'))
  })

  test('publishes one label for each transaction of a judged case, with the verdict in one transaction', async () => {
    const b = await bank()
    await casework(b.config)
    await send(b, [alert(b.name, 'anna', 'a-1'), alert(b.name, 'anna', 'a-2')])
    const anna = await eventually('the case', async () => (await cases(b)).find((c) => c.amount === 2 * alert(b.name, '', '').amount))
    const verdict = { tenant: b.name, caseId: anna.id, actor: 'ada', disposition: 'fraud' as const, note: 'card stolen' }
    await claimCase(b.database, verdict)
    await expect(giveVerdict(b.database, { ...verdict, actor: 'bob' })).rejects.toMatchObject({ code: 'case_conflict', status: 409 })
    await giveVerdict(b.database, verdict)
    await giveVerdict(b.database, verdict)
    const relay = createOutboxRelay(b.database, b.bus, testTelemetry())
    await relay.start()
    onTestFinished(() => relay.stop())
    const labels = await collect(b.bus, tenantTopic(b.name, 'labels'))
    await eventually('two labels', () => labels.length === 2)
    expect(
      valuesOf<Label>(labels)
        .map((l) => [l.transaction, l.value, l.source, l.by])
        .toSorted((x, y) => String(x).localeCompare(String(y))),
    ).toEqual([
      ['a-1', 'fraud', 'analyst', 'ada'],
      ['a-2', 'fraud', 'analyst', 'ada'],
    ])
    await eventually('an empty outbox', async () => (await b.database.query('SELECT id FROM outbox')).length === 0)
    await send(b, [alert(b.name, 'anna', 'a-3')])
    await eventually('a new case', async () => (await cases(b)).length === 2)
  })
})

describe('a case', () => {
  test('is changed by one of many at once: one claim, one verdict, one label for each transaction', async () => {
    const b = await bank()
    const { caseId } = await takeAlert(b.database, alert(b.name, 'anna', 'a-1'), null)
    const claims = await Promise.allSettled(
      ['ada', 'bob', 'cyd', 'ada'].map((actor) => claimCase(b.database, { tenant: b.name, caseId, actor })),
    )
    const assignee = (await readCase(b.database, { tenant: b.name, caseId }))?.assignee as string
    expect(claims.filter((c) => c.status === 'fulfilled')).toHaveLength(assignee === 'ada' ? 2 : 1)
    const judge = () => giveVerdict(b.database, { tenant: b.name, caseId, actor: assignee, disposition: 'genuine' })
    await Promise.all([judge(), judge(), takeAlert(b.database, alert(b.name, 'anna', 'a-2'), null)])
    const found = await readCase(b.database, { tenant: b.name, caseId })
    expect(found?.history.map((h) => h.event).filter((e) => e !== 'joined')).toEqual(['opened', 'claimed', 'judged'])
    const [{ labels }] = await b.database.query<{ labels: number }>('SELECT COUNT(*) AS labels FROM outbox')
    expect(labels).toBe(found?.alerts.length)
    await expect(giveVerdict(b.database, { tenant: b.name, caseId, actor: assignee, disposition: 'fraud' })).rejects.toMatchObject({
      code: 'case_conflict',
    })
  })

  test('is not judged when the database goes away before its labels lie in the outbox, and is judged once afterwards', async () => {
    const b = await bank()
    const { caseId } = await takeAlert(b.database, alert(b.name, 'anna', 'a-1'), null)
    const wire = await proxy(b.config.sql.host, b.config.sql.port)
    const cut = createDatabase({ ...b.config.sql, host: '127.0.0.1', port: wire.port })
    onTestFinished(() => cut.stop())
    const verdict = { tenant: b.name, caseId, actor: 'ada', disposition: 'fraud' } as const
    const state = async () => {
      const found = await readCase(b.database, { tenant: b.name, caseId })
      return [found?.state, found?.history.length, (await b.database.query('SELECT id FROM outbox')).length]
    }
    for (const statement of ['UPDATE cases SET state', 'INTO outbox', 'INTO case_history']) {
      const lost = wire.loseAnswerTo(statement)
      await expect(giveVerdict(cut, verdict)).rejects.toThrow()
      await lost
      expect([statement, ...(await state())]).toEqual([statement, 'open', 1, 0])
    }
    // Whoever does not hear whether it was done gives it again.
    const lost = wire.loseAnswerTo('COMMIT')
    await expect(giveVerdict(cut, verdict)).rejects.toThrow()
    await lost
    await giveVerdict(cut, verdict)
    expect(await state()).toEqual(['closed', 2, 1])
  })

  test('is opened once when many alerts of a customer come at once', async () => {
    const b = await bank()
    const taken = await Promise.all(Array.from({ length: 8 }, (_, i) => takeAlert(b.database, alert(b.name, 'anna', `a-${i % 6}`), null)))
    expect(new Set(taken.map((t) => t.caseId)).size).toBe(1)
    expect(taken.filter((t) => t.opened)).toHaveLength(1)
    expect((await cases(b))[0].amount).toBe(6 * alert(b.name, '', '').amount)
  })

  test('gives a label to an alert too that joined while its verdict was waiting', async () => {
    const b = await bank()
    const { caseId } = await takeAlert(b.database, alert(b.name, 'anna', 'a-1'), null)
    let verdict: Promise<void> | undefined
    await b.database.transaction(async (tx) => {
      await tx.query('SELECT id FROM cases WHERE tenant = ? AND id = ? FOR UPDATE', [b.name, caseId])
      verdict = giveVerdict(b.database, { tenant: b.name, caseId, actor: 'ada', disposition: 'fraud' })
      await new Promise((resolve) => setTimeout(resolve, 300))
      const late = Buffer.from(JSON.stringify(alert(b.name, 'anna', 'a-2')))
      await tx.execute(
        'INSERT INTO case_transactions (tenant, case_id, transaction_id, customer, alert, added) VALUES (?, ?, ?, ?, ?, ?)',
        [b.name, caseId, 'a-2', 'anna', late, Date.now()],
      )
    })
    await verdict
    const [{ labels }] = await b.database.query<{ labels: number }>('SELECT COUNT(*) AS labels FROM outbox')
    expect(labels).toBe(2)
  })

  test('is listed in pages, newest first, by bank and state', async () => {
    const b = await bank()
    for (let i = 0; i < 5; i++) await takeAlert(b.database, alert(b.name, `customer-${i}`, `t-${i}`), null)
    const first = await listCases(b.database, { tenant: b.name, state: 'open', limit: 3 })
    const second = await listCases(b.database, { tenant: b.name, state: 'open', limit: 3, after: first.next as string })
    expect([...first.cases, ...second.cases].map((c) => c.customer)).toEqual([4, 3, 2, 1, 0].map((i) => `customer-${i}`))
    expect(second.next).toBeNull()
    expect((await listCases(b.database, { tenant: b.name, state: 'closed' })).cases).toEqual([])
  })

  test('that is released escalates on, unless it is a random sample', async () => {
    const b = await bank()
    for (const sample of [false, true]) {
      const { caseId } = await takeAlert(b.database, alert(b.name, `anna-${sample}`, `a-${sample}`, { sample }), null)
      const act = { tenant: b.name, caseId, actor: 'ada' }
      await claimCase(b.database, act)
      await releaseCase(b.database, { ...act, dueAt: 5 })
      expect(await readCase(b.database, act)).toMatchObject({ state: 'open', assignee: null, dueAt: sample ? null : 5 })
      await expect(releaseCase(b.database, act)).rejects.toMatchObject({ status: 409 })
    }
    await expect(claimCase(b.database, { tenant: b.name, caseId: 'none', actor: 'ada' })).rejects.toMatchObject({ status: 404 })
  })
})

describe('on a bad day', () => {
  test('what is no alert, or another bank’s, becomes a dead letter with its place and reason, and the good ones around it open cases', async () => {
    const b = await bank()
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
