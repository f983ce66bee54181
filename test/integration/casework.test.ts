import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Label, tenantTopic } from '../../services/shared/events.ts'
import { claimCase, giveVerdict, readCase } from '../../services/shared/tidb/cases.ts'
import { createOutboxRelay } from '../../services/shared/tidb/outbox.ts'
import { alert } from '../helpers/alerts.ts'
import { bank } from '../helpers/bank.ts'
import { cases, casework, events, ladder, send } from '../helpers/casework.ts'
import { outage, outageSeconds } from '../helpers/outage.ts'
import { redisServer } from '../helpers/redis.ts'
import { eventually, testTelemetry } from '../helpers/servers.ts'
import { collect, valuesOf } from '../helpers/topics.ts'

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
