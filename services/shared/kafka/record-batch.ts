/**
 * Record batches of Kafka's message format 2, written and read in one pass over one buffer. kafkajs makes a buffer of 512 bytes for each record
 * that it writes, another for each of its numbers, and BigInts of the offsets and times of each that it reads.
 */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

type Encoder = { buf: Buffer; offset: number; buffer: Buffer }
type Decoder = {
  buffer: Buffer
  readInt64(): { toString(): string }
  readInt32(): number
  slice(size: number): Decoder
  forward(size: number): void
}
type Codec = { compress(records: Encoder): Promise<Buffer>; decompress(bytes: Buffer): Promise<Buffer> }

const EncoderOf = require('kafkajs/src/protocol/encoder') as new (size: number) => Encoder
const crc32C = require('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number
const compression = require('kafkajs/src/protocol/message/compression') as {
  COMPRESSION_CODEC_MASK: number
  lookupCodec(type: number): Codec
  lookupCodecByAttributes(attributes: number): Codec | null
}
const { KafkaJSPartialMessageError } = require('kafkajs/src/errors') as { KafkaJSPartialMessageError: new (message: string) => Error }

type Bytes = string | Buffer | null | undefined
/** A record as kafkajs's producer gives it. */
export type WrittenRecord = {
  key?: Bytes
  value: Bytes
  headers?: Record<string, Bytes | Bytes[]>
  offsetDelta: number
  timestampDelta: number
}
export type WrittenBatch = {
  compression?: number
  records: readonly WrittenRecord[]
  firstTimestamp: number | string
  maxTimestamp: number | string
  /** Text of a producer that has one, else -1. */
  producerId?: number | string
  producerEpoch?: number
  firstSequence?: number
  transactional?: boolean
  lastOffsetDelta: number
}

const magic = 2
const transactionalBit = 0x10
const controlBit = 0x20
const appendTimeBit = 0x08

/** Bytes before the records: the place and length of the batch, and what the checksum is over from `checkedFrom` on. */
const headerBytes = 61
const checkedFrom = 21
/** Most bytes of a record's own numbers: its length, the deltas, and the lengths of key, value and headers. */
const numbersBytes = 40

/** Writes numbers and texts one after the other. */
class Writer {
  readonly buffer: Buffer
  at: number

  constructor(bytes: number, at: number) {
    this.buffer = Buffer.allocUnsafe(bytes)
    this.at = at
  }

  /** A whole number of at most 52 bits, zigzag and seven bits a byte. */
  varint(value: number): void {
    let rest = value >= 0 ? value * 2 : -value * 2 - 1
    while (rest >= 128) {
      this.buffer[this.at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.buffer[this.at++] = rest
  }

  /** Text or bytes of that length, which stands before them; -1 for none. */
  bytes(value: Bytes, length: number): void {
    this.varint(length)
    if (typeof value === 'string') {
      this.buffer.write(value, this.at, length, length === value.length ? 'latin1' : 'utf8')
    } else if (value) this.buffer.set(value, this.at)
    if (length > 0) this.at += length
  }
}

const lengthOf = (value: Bytes): number => (value === null || value === undefined ? -1 : Buffer.byteLength(value))

function sizeOf(value: number): number {
  let bytes = 1
  for (let rest = value >= 0 ? value * 2 : -value * 2 - 1; rest >= 128; rest = Math.floor(rest / 128)) bytes++
  return bytes
}

/** Names and values side by side; a name with several values comes as often. */
const headersOf = (headers: WrittenRecord['headers']): [string, Bytes][] =>
  headers === undefined
    ? []
    : Object.entries(headers).flatMap(([name, value]): [string, Bytes][] =>
        Array.isArray(value) ? value.map((one): [string, Bytes] => [name, one]) : [[name, value]],
      )
const sizeOfBytes = (length: number): number => sizeOf(length) + Math.max(0, length)

/** All records of a batch; the first `before` bytes are left for what comes before them. */
function writeRecords(records: readonly WrittenRecord[], before: number): Writer {
  const lengths = new Int32Array(records.length * 2)
  let bytes = before
  for (let i = 0; i < records.length; i++) {
    lengths[2 * i] = lengthOf(records[i].key)
    lengths[2 * i + 1] = lengthOf(records[i].value)
    bytes += numbersBytes + Math.max(0, lengths[2 * i]) + Math.max(0, lengths[2 * i + 1])
    for (const [name, value] of headersOf(records[i].headers))
      bytes += numbersBytes + Buffer.byteLength(name) + Math.max(0, lengthOf(value))
  }
  const to = new Writer(bytes, before)
  for (let i = 0; i < records.length; i++) {
    const { key, value, timestampDelta, offsetDelta } = records[i]
    const headers = headersOf(records[i].headers)
    let size = 1 + sizeOf(timestampDelta) + sizeOf(offsetDelta) + sizeOfBytes(lengths[2 * i]) + sizeOfBytes(lengths[2 * i + 1])
    size += sizeOf(headers.length)
    for (const [name, of] of headers) size += sizeOfBytes(Buffer.byteLength(name)) + sizeOfBytes(lengthOf(of))
    to.varint(size)
    to.buffer[to.at++] = 0
    to.varint(timestampDelta)
    to.varint(offsetDelta)
    to.bytes(key, lengths[2 * i])
    to.bytes(value, lengths[2 * i + 1])
    to.varint(headers.length)
    for (const [name, of] of headers) {
      to.bytes(name, Buffer.byteLength(name))
      to.bytes(of, lengthOf(of))
    }
  }
  return to
}

/** Bytes as one of kafkajs's encoders. */
function encoderOf(bytes: Buffer): Encoder {
  const encoder = new EncoderOf(1)
  encoder.buf = bytes
  encoder.offset = bytes.length
  return encoder
}

/** A batch as it lies in a request, where kafkajs has its own of the same name. */
export async function encodeBatch(batch: WrittenBatch): Promise<Encoder> {
  const { records, producerId = -1 } = batch
  const codec = (batch.compression ?? 0) & compression.COMPRESSION_CODEC_MASK
  let written = writeRecords(records, headerBytes)
  if (codec !== 0) {
    const plain = written.buffer.subarray(headerBytes, written.at)
    const packed = await compression.lookupCodec(codec).compress(encoderOf(plain))
    written = new Writer(headerBytes + packed.length, headerBytes + packed.length)
    written.buffer.set(packed, headerBytes)
  }
  const bytes = written.buffer.subarray(0, written.at)
  bytes.writeBigInt64BE(0n, 0)
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt32BE(0, 12)
  bytes.writeInt8(magic, 16)
  bytes.writeInt16BE(codec | (batch.transactional ? transactionalBit : 0), checkedFrom)
  bytes.writeInt32BE(batch.lastOffsetDelta, 23)
  bytes.writeBigInt64BE(BigInt(batch.firstTimestamp), 27)
  bytes.writeBigInt64BE(BigInt(batch.maxTimestamp), 35)
  bytes.writeBigInt64BE(BigInt(producerId), 43)
  bytes.writeInt16BE(batch.producerEpoch ?? 0, 51)
  bytes.writeInt32BE(batch.firstSequence ?? 0, 53)
  bytes.writeInt32BE(records.length, 57)
  bytes.writeUInt32BE(crc32C(bytes.subarray(checkedFrom)), 17)
  return encoderOf(bytes)
}

/** Reads what `Writer` writes. */
class Reader {
  readonly buffer: Buffer
  at: number

  constructor(buffer: Buffer, at: number) {
    this.buffer = buffer
    this.at = at
  }

  varint(): number {
    let value = 0
    let times = 1
    for (;;) {
      const byte = this.buffer[this.at++]
      value += (byte & 127) * times
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      times *= 128
    }
  }

  bytes(): Buffer | null {
    const length = this.varint()
    if (length < 0) return null
    this.at += length
    return this.buffer.subarray(this.at - length, this.at)
  }

  headers(): Record<string, unknown> {
    let left = this.varint()
    if (left <= 0) return {}
    // Without a prototype: a header may be called `constructor` or `__proto__`, and is not one that was there before.
    const headers: Record<string, unknown> = Object.create(null)
    for (; left > 0; left--) {
      const name = this.bytes()?.toString() ?? 'null'
      const value = this.bytes()
      const before = headers[name]
      headers[name] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value]
    }
    return headers
  }
}

/** The batch that begins where the decoder stands, where kafkajs has its own of the same name. Throws kafkajs's error for one that is cut off. */
export async function decodeBatch(from: Decoder) {
  const firstOffset = Number(from.readInt64().toString())
  const length = from.readInt32()
  const { buffer } = from.slice(length)
  from.forward(length)
  if (buffer.length < length) throw new KafkaJSPartialMessageError(`${buffer.length} of ${length} bytes of a record batch are there`)
  const attributes = buffer.readInt16BE(9)
  const first = Number(buffer.readBigInt64BE(15))
  const maxTimestamp = String(buffer.readBigInt64BE(23))
  const isControlBatch = (attributes & controlBit) !== 0
  const context = {
    firstOffset: String(firstOffset),
    firstTimestamp: String(first),
    partitionLeaderEpoch: buffer.readInt32BE(0),
    inTransaction: (attributes & transactionalBit) !== 0,
    isControlBatch,
    lastOffsetDelta: buffer.readInt32BE(11),
    producerId: String(buffer.readBigInt64BE(31)),
    producerEpoch: buffer.readInt16BE(39),
    firstSequence: buffer.readInt32BE(41),
    maxTimestamp,
    timestampType: (attributes & appendTimeBit) === 0 ? 0 : 1,
  }
  const batchContext = { ...context, magicByte: magic }
  const count = Math.max(0, buffer.readInt32BE(45))
  const codec = compression.lookupCodecByAttributes(attributes)
  const reader = codec ? new Reader(await codec.decompress(buffer.subarray(49)), 0) : new Reader(buffer, 49)
  const records = new Array(count)
  for (let i = 0; i < count; i++) {
    const size = reader.varint()
    const end = reader.at + size
    const recordAttributes = reader.buffer.readInt8(reader.at++)
    const time = first + reader.varint()
    const offset = firstOffset + reader.varint()
    records[i] = {
      magicByte: magic,
      attributes: recordAttributes,
      timestamp: context.timestampType === 0 ? String(time) : maxTimestamp,
      offset: String(offset),
      key: reader.bytes(),
      value: reader.bytes(),
      headers: reader.headers(),
      isControlRecord: isControlBatch,
      batchContext,
    }
    reader.at = end
  }
  return { ...context, records }
}
