import type { KafkaMessage } from 'kafkajs'
import { expect, test } from 'vitest'
import { Partition } from '../../services/detector/intake/partition.ts'

const message = (offset: number, bytes = 10) =>
  ({ offset: String(offset), timestamp: '1700000000000', key: null, value: Buffer.alloc(bytes) }) as unknown as KafkaMessage

const messages = (from: number, to: number, bytes?: number) => Array.from({ length: to - from }, (_, i) => message(from + i, bytes))

/** A partition whose next fetch begins at `from`, with progress at `next`. */
function partition(from = 0, next = from): Partition {
  const p = new Partition({ tenant: 'bank', topic: 'transactions', topicName: 'assay.bank.transactions', partition: 0 })
  p.next = next
  p.sought(from)
  return p
}

const offsets = (records: readonly { offset: number }[]) => records.map((r) => r.offset)

test('takes in what was fetched once, however often it is fetched', () => {
  const p = partition()
  expect(p.accept(0, 4, messages(0, 5))).toBeUndefined()
  expect(p.accept(3, 6, messages(3, 7))).toBeUndefined()
  expect(offsets(p.take(100))).toEqual([0, 1, 2, 3, 4, 5, 6])
})

test('asks once for the records before a fetch that began too late, then takes the hole for Kafka’s own', () => {
  const p = partition()
  p.accept(0, 4, messages(0, 5))
  expect(p.accept(8, 9, messages(8, 10))).toBe(5)
  expect(p.waiting).toBe(5)
  expect(p.accept(8, 9, messages(8, 10))).toBeUndefined()
  expect(offsets(p.take(100))).toEqual([0, 1, 2, 3, 4, 8, 9])
})

test('passes over offsets at the end of a fetch that hold no record', () => {
  const p = partition()
  p.accept(0, 7, messages(0, 5))
  expect(p.expected).toBe(8)
})

test('never mixes what is read back with what is decided', () => {
  const p = partition(0, 3)
  p.accept(0, 5, messages(0, 6))
  expect(offsets(p.take(100))).toEqual([0, 1, 2])
  expect(offsets(p.take(2))).toEqual([3, 4])
  expect(offsets(p.take(100))).toEqual([5])
  expect(p.take(100)).toEqual([])
})

test('puts records back in order, batch after batch', () => {
  const p = partition()
  p.accept(0, 9, messages(0, 10))
  const first = p.take(3)
  const second = p.take(3)
  p.putBack(second)
  p.putBack(first)
  expect(offsets(p.take(100))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})

test('counts the bytes that wait, and takes no more than it may, but always one record', () => {
  const p = partition()
  p.accept(0, 5, messages(0, 6, 100))
  expect(p.bytes).toBe(600)
  const taken = p.take(100, 250)
  expect(offsets(taken)).toEqual([0, 1, 2])
  expect(p.bytes).toBe(300)
  p.putBack(taken)
  expect(p.bytes).toBe(600)
  expect(p.take(100, 1)).toHaveLength(1)
  p.clear()
  expect(p.bytes).toBe(0)
  expect(p.waiting).toBe(0)
})

test('keeps order over many small takes', () => {
  const p = partition()
  p.accept(0, 2999, messages(0, 3000))
  const seen: number[] = []
  while (p.waiting > 0) seen.push(...offsets(p.take(7)))
  expect(seen).toEqual(Array.from({ length: 3000 }, (_, i) => i))
})
