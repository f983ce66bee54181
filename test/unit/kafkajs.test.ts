import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultPartitioner, groupByPartition, Partitioners, partitionOf } from '../../services/shared/kafka/kafkajs.ts'

const partitionMetadata = Array.from({ length: 7 }, (_, partitionId) => ({
  partitionId,
  leader: 1,
  isr: [1],
  replicas: [1],
  partitionErrorCode: 0,
}))

/** Keys and their murmur2 from the tests of Java's client (UtilsTest.testMurmur2). */
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])("the key %s goes where Java's client sends it", (key, hash) => {
  for (const partitions of [1, 4, 12, 0x7fffffff]) expect(partitionOf(key, partitions)).toBe((hash & 0x7fffffff) % partitions)
})

test('where a key belongs is where our producer sends it, and where the one of kafkajs would', () => {
  const [ours, theirs] = [defaultPartitioner(), Partitioners.DefaultPartitioner()]
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'binary' }), (key) => {
      const to = { topic: 't', partitionMetadata, message: { key, value: null } }
      expect(partitionOf(key, 7)).toBe(ours(to))
      expect(ours(to)).toBe(theirs(to))
    }),
  )
  expect(ours({ topic: 't', partitionMetadata, message: { key: 'abc', value: null, partition: 3 } })).toBe(3)
  const turns = Array.from({ length: 7 }, () => ours({ topic: 't', partitionMetadata, message: { key: null, value: null } }))
  expect(new Set(turns).size).toBe(7)
})

test('messages are grouped as kafkajs groups them, which uses ours', () => {
  const require = createRequire(import.meta.url)
  const path = require.resolve('kafkajs/src/producer/groupMessagesPerPartition')
  expect(require(path)).toBe(groupByPartition)
  const theirs = { exports: groupByPartition }
  new Function('module', readFileSync(path, 'utf8'))(theirs)
  expect(theirs.exports).not.toBe(groupByPartition)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 6 })), (partitions) => {
      const messages = partitions.map((partition, i) => ({ partition, value: String(i) }))
      const grouping = { topic: 't', partitionMetadata, messages, partitioner: defaultPartitioner() }
      expect(groupByPartition(grouping)).toEqual(theirs.exports(grouping))
    }),
  )
  expect(groupByPartition({ topic: 't', partitionMetadata: [], messages: [{ value: 'a' }], partitioner: defaultPartitioner() })).toEqual({})
})
