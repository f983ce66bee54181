/** What the counters take in Redis. */
import type { Redis } from 'ioredis'
import { type Generation, patternOf } from '../../services/detector/counters/names.ts'
import { mostEntries } from '../../services/detector/counters/script.ts'
import { openStore } from '../../services/detector/counters/store.ts'
import { createBank, load } from '../bank.ts'
import { drain } from '../drain.ts'
import type { Watched } from '../servers.ts'
import { doingsOf, recordOf } from './people.ts'

/** Of so many merchants, devices and addresses each, every one of which was seen so often. */
export type CountersPoint = { each: number; seen: number; keys: number; bytes: number; bytesByEntity: number }

/** Bytes of all keys of a generation as Redis accounts for them, names and places in its table included. */
async function keysOf(redis: Redis, group: string, { number }: Generation): Promise<{ keys: number; bytes: number }> {
  const found = { keys: 0, bytes: 0 }
  for (let cursor = '0'; ; ) {
    const [next, keys] = await redis.scan(cursor, 'MATCH', patternOf(group, number), 'COUNT', 1000)
    for (const bytes of await Promise.all(keys.map((key) => redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0')))) {
      found.keys++
      found.bytes += Number(bytes)
    }
    if (next === '0') return found
    cursor = next
  }
}

/** Often enough for an entity's entries to be folded into a state, which then stays as large as it is. */
export const often = Math.ceil(mostEntries * 1.5)

/** Lets the detector decide transactions of three weeks that name so many of each by turns, until every one was seen so often. */
export async function countersOf(each: number, seen: number, options: Watched): Promise<CountersPoint> {
  const bank = await createBank(options.env)
  try {
    const transactions = each * seen
    let made = 0
    let waiting: ReturnType<typeof recordOf>[] = []
    for (const { event } of doingsOf(bank.tenant, { seed: 930, customers: each * 5 }, { transactions, from: 27, to: 0.05, mark: 'c' })) {
      const n = made++ % each
      const ip = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`
      if (waiting.push(recordOf({ ...event, counterparty: `merchant-${n}`, device: `device-${n}`, ip })) < 1000) continue
      await load(bank.bus, waiting)
      waiting = []
    }
    await load(bank.bus, waiting)
    await drain(bank, { records: made, distinct: made }, options, 60 + made / 300)
    const store = openStore(bank.config.redis, bank.config.group)
    try {
      await store.ready()
      const { keys, bytes } = await keysOf(store.redis, store.group, await store.generation())
      return { each, seen, keys, bytes, bytesByEntity: Math.round(bytes / (3 * each)) }
    } finally {
      store.stop()
    }
  } finally {
    await bank.close()
  }
}
