import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readMeasured, tablesOf } from '../../bench/capacity/command.ts'
import { assumptions, needsOf } from '../../bench/capacity/needs.ts'

const measured = readMeasured()

test('docs/capacity.md has the tables that npm run bench -- capacity prints', () => {
  expect(readFileSync('docs/capacity.md', 'utf8')).toContain(tablesOf(measured))
})

test('more a second never needs less of anything', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2_000_000 }), fc.integer({ min: 0, max: 200_000 }), (rate, more) => {
      const [less, greater] = [needsOf(rate, measured), needsOf(rate + more, measured)]
      for (const name of Object.keys(less) as (keyof typeof less)[])
        if (name !== 'inMemory') expect(greater[name], name).toBeGreaterThanOrEqual(less[name])
    }),
    { numRuns: 50 },
  )
})

test('what each number rests on can be done by hand', () => {
  const cost = { assay: 100, tidb: 200, kafka: 20, redis: 10 }
  const needs = needsOf(10_000, {
    cpuUs: { inMemory: cost, read: { ...cost, assay: 150 } },
    bytes: { row: 1000, transaction: 400, decision: 300, entityOften: 1000, entitySeldom: 100 },
    detector: { mb: 700, customers: 100_000 },
  })
  // 4,000 a second on average by customers with two a day; three detectors hold 300,000 of them.
  expect(needs.customers).toBe(172_800_000)
  expect(needs.inMemory).toBeCloseTo(300_000 / 172_800_000, 6)
  // 10,000 times 150 µs is 1.5 cores, of which 0.6 may be used; TiDB's 2 cores fit into one server, but one may fail.
  expect([needs.detectors, needs.partitions, needs.sqlServers, needs.tikvByCpu]).toEqual([3, 6, 2, 3])
  expect(needs.tbAMonth).toBeCloseTo((4000 * 86_400 * 30 * 1000 * 3) / 1e12, 6)
  expect(needs.kafkaTb).toBeCloseTo((4000 * 86_400 * 7 * 700 * 3) / 1e12, 6)
  expect(needs.redisGb).toBeCloseTo((172_800_000 * (0.02 * 1000 + 3 * 100)) / 1e9, 6)
  expect([needs.brokers, needs.redisByCpu]).toEqual([3, 1])
})

test('histories that fit into memory make a transaction cheaper', () => {
  const few = { ...assumptions, transactionsADay: 40_000 }
  const [all, some] = [needsOf(10_000, measured, few), needsOf(10_000, measured)]
  expect(all.inMemory).toBe(1)
  expect(some.inMemory).toBeLessThan(0.1)
  expect(all.detectors).toBeLessThanOrEqual(some.detectors)
})
