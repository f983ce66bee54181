/** The counters of a detector beside its Redis and its TiDB, and transactions that are decided by them. */
import { isDeepStrictEqual } from 'node:util'
import { expect, onTestFinished } from 'vitest'
import { counterFeatures } from '../../models/fold/counter-features.ts'
import { cardBit } from '../../models/fold/counters.ts'
import { hashOf } from '../../models/fold/entry.ts'
import { type Counters, createCounters } from '../../services/detector/counters/counters.ts'
import { deleteGeneration } from '../../services/detector/counters/generations.ts'
import { openStore, type Store } from '../../services/detector/counters/store.ts'
import type { Transaction } from '../../services/shared/events.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { putDecided, statesByRedis, statesByTiDB } from '../helpers/counted.ts'
import { eventually, testConfig, testDatabase, testTelemetry } from '../helpers/servers.ts'
import { transaction } from '../helpers/transactions.ts'

const day = 86_400_000

/** A place in a bank's transactions. */
export const place = (offset: number, partition = 0) => ({ tenant: 'bank', topic: 'transactions', partition, log: 0, offset }) as const
const countedStep = (from: number, to: number, partition = 0) => ({ tenant: 'bank', topic: 'transactions', partition, from, to }) as const

type Bench = { database: Database; counters: Counters; store: Store; config: ReturnType<typeof testConfig> }

/** Opens counters of a group of their own, on servers of the tests or on a Redis of its own. */
export async function bench(options: { redis?: string; mostFilled?: number } = {}): Promise<Bench> {
  const config = testConfig(options.redis ? { ASSAY_REDIS: options.redis } : {})
  const database = await testDatabase(config)
  const counters = createCounters({
    redis: config.redis,
    group: config.group,
    database,
    telemetry: testTelemetry(),
    ...(options.mostFilled === undefined ? {} : { mostFilled: options.mostFilled }),
  })
  counters.start()
  onTestFinished(() => counters.stop())
  const s = openStore(config.redis, config.group)
  onTestFinished(async () => {
    if (!s.problem()) {
      const generation = await s.generation()
      await deleteGeneration(s, generation)
      await s.redis.del(`${config.group}:counters`)
    }
    s.stop()
  })
  await s.ready()
  return { database, counters, store: s, config }
}

/** Transactions of a month, with entities that come again and again. */
export const some = (n: number): Transaction[] =>
  Array.from({ length: n }, (_, i) =>
    transaction('bank', {
      instrument: `card-${i % 17}`,
      customer: `customer-${i % 17}`,
      counterparty: `shop-${i % 5}`,
      device: `device-${i % 23}`,
      ...(i % 2 === 0 ? {} : { ip: `2001:DB8::${i % 7}` }),
      time: new Date(Date.now() - (i % 29) * day).toISOString(),
    }),
  )

/** Decides transactions as a detector does: read, count, record, move. */
export async function decide(b: Bench, transactions: readonly Transaction[], offset: number, partition = 0): Promise<number[][]> {
  const batch = await b.counters.read(transactions.map((t) => ({ tenant: 'bank', parties: t })))
  const features = transactions.map((t, i) => {
    const out = new Float32Array(3 * counterFeatures.length)
    batch.write(i, Date.parse(t.time), out, 0)
    batch.count(i, place(offset + i, partition), Date.parse(t.time), cardBit(hashOf(t.instrument)))
    return [...out]
  })
  b.counters.hold(batch)
  await putDecided(
    b.database,
    transactions.map((t, i) => ({ transaction: t, partition, offset: offset + i })),
  )
  await b.counters.move(batch, [countedStep(offset, offset + transactions.length, partition)])
  return features
}

/** Says how far partition 0 is recorded. */
export const progressAt = (b: Bench, next: number) =>
  b.database.execute(
    `INSERT INTO progress (tenant, topic, part, log, epoch, next_offset, owner, updated) VALUES ('bank', 'transactions', 0, 0, 1, ${next}, 'test', 0)
     ON DUPLICATE KEY UPDATE next_offset = ${next}`,
  )

/** Waits until Redis holds what follows from TiDB. */
export async function eventuallyExact(b: Bench): Promise<void> {
  const expected = await statesByTiDB(b.database)
  await eventually('the counters', async () => isDeepStrictEqual(await statesByRedis(b.store, expected.keys()), expected))
}

/** Expects that Redis holds what follows from TiDB. */
export async function expectExact(b: Bench): Promise<void> {
  const expected = await statesByTiDB(b.database)
  expect(expected.size).toBeGreaterThan(0)
  expect(await statesByRedis(b.store, expected.keys())).toEqual(expected)
}
