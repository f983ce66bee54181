import { describe, expect, test } from 'vitest'
import type { Config } from '../../services/shared/config.ts'
import { tenantTopic } from '../../services/shared/events.ts'
import { type Bank, bank, decidedIds, detector, progressOf } from '../helpers/bank.ts'
import { outage } from '../helpers/outage.ts'
import { ended, spawnService } from '../helpers/process.ts'
import { proxy } from '../helpers/proxy.ts'
import { eventually } from '../helpers/servers.ts'
import { collect } from '../helpers/topics.ts'
import { record, transaction } from '../helpers/transactions.ts'

const many = (b: Bank, from: number, count: number) =>
  Array.from({ length: count }, (_, i) => record(transaction(b.name, { id: `t-${from + i}`, customer: `c-${(from + i) % 97}` })))

const behind = (config: Config, port: number): Config => ({ ...config, sql: { ...config.sql, host: '127.0.0.1', port } })

describe('the detector on bad days', () => {
  test('decides a batch once when the answer to its COMMIT is lost', async () => {
    const b = await bank()
    const wire = await proxy(b.config.sql.host, b.config.sql.port)
    const service = await detector(behind(b.config, wire.port))
    // Claims commit too; what is to be lost is the answer to a batch.
    await eventually(
      'the claims',
      async () => (await b.database.query('SELECT part FROM progress WHERE tenant = ?', [b.name])).length === 8,
    )
    await eventually('health', () => service.health().ready)
    const lost = wire.loseAnswerTo('COMMIT')
    await b.bus.send(many(b, 0, 100))
    await lost
    await eventually('all rows', async () => (await decidedIds(b)).length === 100)
    const decisions = await collect(b.bus, tenantTopic(b.name, 'decisions'))
    await eventually('all decisions', () => new Set(decisions.map((d) => d.value?.toString())).size === 100)
    expect(await progressOf(b)).toBe(100)
  })

  test('waits for a TiDB that is away, says so, and goes on by itself', async () => {
    const b = await bank()
    const wire = await proxy(b.config.sql.host, b.config.sql.port)
    const service = await detector(behind(b.config, wire.port))
    await b.bus.send(many(b, 0, 50))
    await eventually('the first rows', async () => (await decidedIds(b)).length === 50)
    wire.cut()
    await b.bus.send(many(b, 50, 400))
    await eventually('the problem', () => !service.health().ready)
    await outage()
    expect(await decidedIds(b)).toHaveLength(50)
    wire.mend()
    await eventually('all rows', async () => (await decidedIds(b)).length === 450)
    await eventually('health', () => service.health().ready)
    expect(await progressOf(b)).toBe(450)
  }, 90_000)

  test('loses nothing and decides nothing twice when it is killed again and again', async () => {
    const b = await bank()
    const total = 6000
    let sent = 0
    const sending = (async () => {
      while (sent < total) {
        await b.bus.send(many(b, sent, 200))
        sent += 200
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    })()
    for (let kill = 0; kill < 3; kill++) {
      const child = spawnService('detector', b.config)
      const before = (await decidedIds(b)).length
      await eventually('progress', async () => (await decidedIds(b)).length > before + 200 || sent >= total, 60)
      child.kill('SIGKILL')
      await ended(child)
    }
    await sending
    const last = spawnService('detector', b.config)
    await eventually('all rows', async () => (await decidedIds(b)).length === total, 60)
    expect(await progressOf(b)).toBe(total)
    const decisions = await collect(b.bus, tenantTopic(b.name, 'decisions'))
    await eventually('all decisions', () => new Set(decisions.map((d) => d.value?.toString())).size >= total)
    // Each id has one decision, byte for byte, however often it was published.
    expect(new Set(decisions.map((d) => d.value?.toString())).size).toBe(total)
    last.kill('SIGTERM')
    expect(await ended(last)).toBe(0)
  }, 120_000)
})
