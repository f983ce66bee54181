import type { KafkaMessage } from 'kafkajs'
import { expect, test } from 'vitest'
import { createFairShare } from '../../services/detector/intake/fair-share.ts'
import { Partition } from '../../services/detector/intake/partition.ts'

/** A bank's partition with so many records waiting, of which those before `next` are to be read back. */
function partition(tenant: string, waiting: number, { next = 0, bytes = 10 } = {}): Partition {
  const p = new Partition({ tenant, topic: 'transactions', topicName: `assay.${tenant}.transactions`, partition: 0 })
  p.next = next
  p.sought(0)
  const messages = Array.from({ length: waiting }, (_, i) => ({
    offset: String(i),
    timestamp: '1700000000000',
    key: null,
    value: Buffer.alloc(bytes),
  }))
  p.accept(0, waiting - 1, messages as unknown as KafkaMessage[])
  return p
}

const counts = (records: readonly { tenant: string }[]) => {
  const of: Record<string, number> = {}
  for (const { tenant } of records) of[tenant] = (of[tenant] ?? 0) + 1
  return of
}

test('a bank that floods leaves the others their share, and takes what they leave', () => {
  const take = createFairShare()
  const partitions = [partition('flood', 5000), partition('busy', 500), partition('late', 110)]
  expect(counts(take(partitions, 300))).toEqual({ flood: 100, busy: 100, late: 100 })
  // Ten are left of the last one: what it does not take goes to whoever comes first, of batches that are shorter now.
  const second = counts(take(partitions, 300))
  expect([second.late, second.flood + second.busy]).toEqual([10, 65])
  expect(Math.min(second.flood, second.busy)).toBe(25)
})

test('while one bank floods and another one is up to date batches are a quarter, and full again when it has not been seen for a hundred', () => {
  const take = createFairShare()
  const flood = partition('flood', 20_000)
  expect(counts(take([flood, partition('quiet', 7)], 400))).toEqual({ flood: 93, quiet: 7 })
  const sizes = Array.from({ length: 101 }, () => take([flood], 400).length)
  expect([new Set(sizes.slice(0, 99)), sizes[100]]).toEqual([new Set([100]), 400])
  // Between banks that are all behind nobody waits less for smaller batches.
  expect(take([partition('a', 2000), partition('b', 1500)], 400)).toHaveLength(400)
  // Nor does anybody when all that there is fits.
  expect(take([partition('a', 200), partition('b', 7)], 400)).toHaveLength(207)
})

test('when there is not room for all, each partition comes first in its turn', () => {
  const take = createFairShare()
  const partitions = ['a', 'b', 'c'].map((tenant) => partition(tenant, 100))
  const first = Array.from({ length: 6 }, () => take(partitions, 1)[0].tenant)
  expect(counts(first.map((tenant) => ({ tenant })))).toEqual({ a: 2, b: 2, c: 2 })
})

test('a batch is either read back or decided', () => {
  const take = createFairShare()
  const partitions = [partition('behind', 10, { next: 4 }), partition('new', 10)]
  const batches = [take(partitions, 100), take(partitions, 100), take(partitions, 100)]
  const isPast = (r: { tenant: string; offset: number }) => r.tenant === 'behind' && r.offset < 4
  for (const batch of batches) expect(new Set(batch.map(isPast)).size).toBe(1)
  expect(batches.flat()).toHaveLength(20)
})

test('a batch has no more bytes than a transaction of TiDB takes, but always a record', () => {
  const take = createFairShare()
  const partitions = [partition('large', 12, { bytes: 1_500_000 })]
  expect(take(partitions, 512)).toHaveLength(6)
  expect(createFairShare()([partition('huge', 2, { bytes: 9_000_000 })], 512)).toHaveLength(1)
})
