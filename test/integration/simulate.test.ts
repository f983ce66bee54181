/** `simulate --to kafka`: what is played lies on the bank's topics, with times of now when it is live. */
import { expect, onTestFinished, test } from 'vitest'
import { simulateCommand } from '../../infra/simulate.ts'
import type { Received } from '../../services/shared/bus.ts'
import { topics } from '../../services/shared/events.ts'
import { testBus, testConfig, testDatabase, testTenant, unique } from '../helpers/servers.ts'

test('Played live to Kafka, every transaction is on the topic under its key, at about the time it bears', async () => {
  const config = testConfig()
  const database = await testDatabase(config)
  const bus = await testBus(config)
  const { tenant } = await testTenant(database, bus)
  const received: { id: string; time: number; timestamp: number; key: string | null; expected: string }[] = []
  const consumption = bus.consume({
    group: unique('simulate-'),
    topics: [`assay.${tenant}.transactions`],
    fromBeginning: true,
    async each(records: Received[]) {
      for (const { key, value, timestamp } of records) {
        const event = JSON.parse(String(value))
        received.push({ id: event.id, time: Date.parse(event.time), timestamp, key, expected: topics.transactions.key(event) })
      }
    },
  })
  await consumption.start()
  onTestFinished(() => consumption.stop())
  const args = ['--to', 'kafka', '--tenant', tenant, '--transactions', '300', '--customers', '50', '--rate', '100', '--resends', '0']
  await simulateCommand().parseAsync(args, { from: 'user' })
  await expect.poll(() => new Set(received.map((r) => r.id)).size, { timeout: 20_000 }).toBe(300)
  expect(received.every((r) => r.key === r.expected)).toBe(true)
  expect(Math.max(...received.map((r) => Math.abs(r.timestamp - r.time)))).toBeLessThan(5000)
})
