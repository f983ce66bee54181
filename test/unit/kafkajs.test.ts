import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultPartitioner, groupByPartition, Partitioners, partitionOf } from '../../services/shared/kafka/kafkajs.ts'
import { decodeBatch, encodeBatch, type WrittenRecord } from '../../services/shared/kafka/record-batch.ts'
import { anyText } from '../helpers/text.ts'

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
    fc.property(anyText({ minLength: 1 }), (key) => {
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

/** What kafkajs itself has in a file of which ours takes the place. */
function original<T>(path: string): T {
  const require = createRequire(import.meta.url)
  const replaced = ['protocol/recordBatch/v0/index', 'protocol/recordBatch/v0/decoder', 'protocol/recordBatch/record/v0/index'].map(
    (file) => require.resolve(`kafkajs/src/${file}`),
  )
  const ours = replaced.map((file) => require.cache[file])
  for (const file of replaced) delete require.cache[file]
  try {
    return require(`kafkajs/src/${path}`) as T
  } finally {
    replaced.forEach((file, i) => {
      require.cache[file] = ours[i]
    })
  }
}

const require = createRequire(import.meta.url)
const Decoder = require('kafkajs/src/protocol/decoder')
const Record = original<(record: WrittenRecord) => unknown>('protocol/recordBatch/record/v0')
const { RecordBatch } = original<{ RecordBatch(batch: unknown): Promise<{ buffer: Buffer }> }>('protocol/recordBatch/v0')
const theirDecoder = original<(decoder: unknown) => Promise<{ records: object[] }>>('protocol/recordBatch/v0/decoder')

const bytes = fc.oneof(
  fc.constant(null),
  anyText(),
  fc.uint8Array({ maxLength: 300 }).map((a) => Buffer.from(a)),
)
/** Names that every object has are left to a test of their own: kafkajs reads them wrong. */
const headerName = fc.string({ minLength: 1, maxLength: 9 }).filter((name) => !(name in {}))
const record = fc.record({
  key: bytes,
  value: bytes,
  headers: fc.option(fc.dictionary(headerName, fc.oneof(fc.string(), fc.array(fc.string(), { minLength: 1, maxLength: 3 }))), {
    nil: undefined,
  }),
  timestampDelta: fc.oneof(fc.constant(0), fc.integer(), fc.integer({ min: 0, max: 2 ** 45 })),
})
const batch = fc
  .record({
    records: fc.array(record, { minLength: 1, maxLength: 20 }),
    firstTimestamp: fc.integer({ min: 0, max: 2 ** 42 }),
    maxTimestamp: fc.integer({ min: 0, max: 2 ** 42 }),
    producerId: fc.bigInt({ min: -1n, max: 2n ** 62n }).map(String),
    producerEpoch: fc.integer({ min: 0, max: 32_767 }),
    firstSequence: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    transactional: fc.boolean(),
    compression: fc.constantFrom(0, 1),
  })
  .map((made) => ({
    ...made,
    lastOffsetDelta: made.records.length - 1,
    records: made.records.map((one, offsetDelta) => ({ ...one, offsetDelta })) as WrittenRecord[],
  }))

test('a batch is written byte for byte as kafkajs writes it, and read as kafkajs reads it', async () => {
  expect(RecordBatch).not.toBe(encodeBatch)
  expect(theirDecoder).not.toBe(decodeBatch)
  await fc.assert(
    fc.asyncProperty(batch, async (b) => {
      const ours = (await encodeBatch(b)).buffer
      const theirs = (await RecordBatch({ ...b, records: b.records.map(Record) })).buffer
      expect(ours.equals(theirs)).toBe(true)
      const read = await decodeBatch(new Decoder(ours))
      expect(read).toEqual(await theirDecoder(new Decoder(theirs)))
    }),
  )
})

test('headers whose names every object has are read as they were sent', async () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
  const headers = Object.fromEntries(names.map((name) => [name, [`first ${name}`, `second ${name}`]]))
  const sent = { key: 'k', value: 'v', headers, offsetDelta: 0, timestampDelta: 0 }
  const { records } = await decodeBatch(
    new Decoder((await encodeBatch({ records: [sent], firstTimestamp: 1, maxTimestamp: 1, lastOffsetDelta: 0 })).buffer),
  )
  expect(Object.keys(records[0].headers)).toEqual(names)
  for (const name of names) expect(records[0].headers[name].map(String)).toEqual(headers[name])
  expect({}.constructor).toBe(Object)
})

test('a batch that is cut off is told as kafkajs tells it', async () => {
  const whole = (
    await encodeBatch({
      records: [{ value: 'x'.repeat(100), offsetDelta: 0, timestampDelta: 0 }],
      firstTimestamp: 1,
      maxTimestamp: 1,
      lastOffsetDelta: 0,
    })
  ).buffer
  await expect(decodeBatch(new Decoder(whole.subarray(0, 90)))).rejects.toMatchObject({ name: 'KafkaJSPartialMessageError' })
})

test('of what was fetched too early, of control records and of aborted transactions nothing is handed on', () => {
  const Batch = require('kafkajs/src/consumer/batch')
  const message = (offset: number, more: object = {}) => ({
    offset: String(offset),
    value: null,
    isControlRecord: false,
    batchContext: { inTransaction: false },
    ...more,
  })
  const offsets = (fetched: string, messages: object[], abortedTransactions: object[] = []) =>
    new Batch('t', fetched, { partition: 0, highWatermark: '9', messages, abortedTransactions }).messages.map(
      (m: { offset: string }) => m.offset,
    )
  expect(offsets('3', [message(3), message(4)])).toEqual(['3', '4'])
  expect(offsets('4', [message(3), message(4)])).toEqual(['4'])
  expect(offsets('3', [message(3), message(4, { isControlRecord: true })])).toEqual(['3'])
  const inTransaction = { batchContext: { inTransaction: true, producerId: '7' } }
  expect(offsets('3', [message(3, inTransaction), message(5)], [{ producerId: '7', firstOffset: '3' }])).toEqual(['5'])
})
