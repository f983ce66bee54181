import { createRequire } from 'node:module'
import { expect, onTestFinished, test } from 'vitest'
import { tenantTopic } from '../../services/shared/events.ts'
import { createKafka, defaultPartitioner } from '../../services/shared/kafka/kafkajs.ts'
import { bank, decidedIds, detector } from '../helpers/bank.ts'
import { eventually, testTelemetry } from '../helpers/servers.ts'
import { record, transaction } from '../helpers/transactions.ts'

/** A frame of Zstandard (RFC 8878) that holds the bytes as they are: of known size, in one raw block. */
function frameOf(bytes: Buffer): Buffer {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0, 0, 0, 0])
  head.writeUInt32LE(bytes.length, 5)
  head.writeUIntLE((bytes.length << 3) | 1, 9, 3)
  return Buffer.concat([head, bytes])
}

test('what a producer compresses in a way that kafkajs cannot read is decided like everything else', async () => {
  const b = await bank()
  const { CompressionCodecs, CompressionTypes } = createRequire(import.meta.url)('kafkajs')
  const before = CompressionCodecs[CompressionTypes.ZSTD]
  onTestFinished(() => {
    CompressionCodecs[CompressionTypes.ZSTD] = before
  })
  let packed = 0
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    async compress({ buffer }: { buffer: Buffer }) {
      packed++
      return frameOf(buffer)
    },
    decompress: () => Promise.reject(new Error('nobody here can unpack it')),
  })
  const producer = createKafka(b.config.kafka, 'a-bank', testTelemetry().logger).producer({ createPartitioner: defaultPartitioner })
  onTestFinished(() => producer.disconnect())
  await producer.connect()
  const messages = Array.from({ length: 20 }, (_, i) => {
    const { key, value } = record(transaction(b.name, { id: `packed-${i}`, customer: `c-${i}` }))
    return { key, value }
  })
  await producer.send({ topic: tenantTopic(b.name, 'transactions'), messages, compression: CompressionTypes.ZSTD })
  expect(packed).toBeGreaterThan(0)
  await detector(b.config)
  await eventually('all of them to be decided', async () => (await decidedIds(b)).length === 20)
})
