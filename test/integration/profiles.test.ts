import { expect, onTestFinished, test } from 'vitest'
import { entryOf } from '../../models/fold/entry.ts'
import { indexOf, width } from '../../models/fold/features.ts'
import { mostEntries } from '../../models/fold/history.ts'
import { Profile } from '../../models/fold/profile.ts'
import type { Decided } from '../../services/detector/batch.ts'
import { insertDecided, prepareForWriting } from '../../services/detector/record/insert.ts'
import { createProfiles, nameOf, partitionName } from '../../services/detector/state/profiles.ts'
import { type Bank, bank } from '../helpers/bank.ts'
import { decided } from '../helpers/decided.ts'
import { transaction } from '../helpers/transactions.ts'

const minute = 60_000

/** Records transactions of a customer, a minute apart, the newest of them at `newest`. Returns them. */
async function record(b: Bank, customer: string, count: number, newest: number, from: number): Promise<Decided[]> {
  const rows = Array.from({ length: count }, (_, i) => {
    const time = newest - (count - 1 - i) * minute
    return decided(transaction(b.name, { customer, amount: 100 + (i % 977), time: new Date(time).toISOString() }), from + i)
  })
  const connection = await b.database.connect()
  onTestFinished(() => connection.destroy())
  await prepareForWriting(connection)
  for (let i = 0; i < rows.length; i += 500) {
    await insertDecided(connection, rows.slice(i, i + 500), Buffer.alloc(8))
    await connection.query('COMMIT')
  }
  return rows
}

test('a customer with many more transactions than the bound is loaded as one with the bound, beside others, as it was in memory', async () => {
  const b = await bank()
  const now = Math.floor(Date.now() / minute) * minute
  const many = await record(b, 'busy', 17_000, now, 0)
  const few = [...(await record(b, 'ann', 3, now, 20_000)), ...(await record(b, 'zoe', 4, now, 30_000))]
  const profiles = createProfiles(b.database, 1e9)
  const keyOf = (customer: string) => ({ tenant: b.name, customer, partition: 0 })
  await profiles.load(['zoe', 'busy', 'ann'].map(keyOf), now, new Map([[partitionName(keyOf('')), { outcomes: 0, parties: 0 }]]))

  const inMemory = new Map(['busy', 'ann', 'zoe'].map((customer) => [customer, new Profile()]))
  for (const r of [...many, ...few]) inMemory.get(r.customer)?.insert(entryOf(r.transaction, r.baseAmount, r.time))
  const next = entryOf(transaction(b.name), 500, now + minute)
  const foldOf = (p: Profile) => {
    const out = new Float32Array(width)
    p.fold(next, out, 0)
    return out
  }
  for (const [customer, profile] of inMemory) {
    const loaded = foldOf(profiles.get(nameOf(b.name, customer)) as Profile)
    const expected = foldOf(profile)
    const size = profiles.get(nameOf(b.name, customer))?.size
    expect([customer, size]).toEqual([customer, customer === 'busy' ? mostEntries : customer === 'ann' ? 3 : 4])
    expect(Buffer.from(loaded.buffer).equals(Buffer.from(expected.buffer))).toBe(true)
    expect(expected[indexOf('history_bounded')]).toBe(customer === 'busy' ? 1 : 0)
  }
})
