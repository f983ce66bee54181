/** What a rate or a cost of Assay is held against in the same run: kafkajs alone on the same records, and the same rows inserted alone. */
import type { Decided } from '../services/detector/batch.ts'
import { insertDecided, prepareForWriting } from '../services/detector/record/insert.ts'
import { findDecided } from '../services/detector/state/decided-rows.ts'
import { tenantTopic } from '../services/shared/events.ts'
import { defaultPartitioner } from '../services/shared/kafka/kafkajs.ts'
import { type Bank, type Stream, waitForSize } from './bank.ts'
import { deadline } from './drain.ts'
import { meterCpu } from './process.ts'
import { processesOf, type Watched } from './servers.ts'

/** CPU microseconds of each record or row by process; this process, which does the work, is called `bench`. */
export type CpuUs = Record<string, number>

// They cost little enough for a whole microsecond to be some percent.
const meter = (options: Watched) => meterCpu([{ name: 'bench', pid: process.pid }, ...processesOf(options)], 1)

/** The topic of another bank into which a bank's transactions are passed: nobody reads it. */
export const passedTo = (other: Pick<Bank, 'tenant'>): string => tenantTopic(other.tenant, 'outcomes')

/**
 * kafkajs alone, as its documents show it. Consume, parse, produce batch by batch, acks of all replicas: the next `records` of the bank's
 * transactions, after which `passed` lie in the other bank's topic.
 */
export async function passThrough(
  bank: Bank,
  other: Pick<Bank, 'tenant'>,
  { records, passed }: { records: number; passed: number },
  options: Watched,
): Promise<CpuUs> {
  const to = passedTo(other)
  const producer = bank.bus.kafka.producer({ createPartitioner: defaultPartitioner })
  const consumer = bank.bus.kafka.consumer({ groupId: `${bank.config.group}-through`, maxWaitTimeInMs: 20 })
  await producer.connect()
  await consumer.connect()
  try {
    await consumer.subscribe({ topic: tenantTopic(bank.tenant, 'transactions'), fromBeginning: true })
    // Joining the group costs the same however much is passed through.
    let used: ReturnType<typeof meter> | undefined
    await consumer.run({
      partitionsConsumedConcurrently: 4,
      eachBatch: async ({ batch }) => {
        used ??= meter(options)
        const messages = batch.messages.map(({ key, value }) => {
          const { id } = JSON.parse((value as Buffer).toString()) as { id: string }
          return { key, value: JSON.stringify({ id, event: 'passed' }) }
        })
        await producer.send({ topic: to, messages, acks: -1 })
      },
    })
    await waitForSize(bank.bus, to, passed, deadline)
    return (used as ReturnType<typeof meter>)(records)
  } finally {
    await consumer.disconnect()
    await producer.disconnect()
  }
}

/** The rows of a stream's transactions, once they are decided, and the set of features that they have. */
export async function rowsOf(bank: Bank, stream: Stream): Promise<{ rows: Decided[]; featureSet: Buffer }> {
  const ids = [...new Set(stream.transactions.map((t) => (JSON.parse(t.value as string) as { id: string }).id))]
  const rows = await findDecided(
    bank.database,
    ids.map((id) => ({ tenant: bank.tenant, id })),
  )
  const [{ featureSet }] = await bank.database.query<{ featureSet: Buffer }>('SELECT feature_set AS featureSet FROM transactions LIMIT 1')
  return { rows: [...rows.values()], featureSet }
}

/** The rows inserted into the table of another database, 512 in a transaction. */
export async function insertAlone(
  { database }: Pick<Bank, 'database'>,
  { rows, featureSet }: { rows: Decided[]; featureSet: Buffer },
  options: Watched,
): Promise<{ perSecond: number; cpuUs: CpuUs }> {
  const connection = await database.connect()
  try {
    await prepareForWriting(connection)
    const used = meter(options)
    const began = performance.now()
    for (let from = 0; from < rows.length; from += 512) {
      await insertDecided(connection, rows.slice(from, from + 512), featureSet)
      await connection.query('COMMIT')
    }
    return { perSecond: (rows.length * 1000) / (performance.now() - began), cpuUs: used(rows.length) }
  } finally {
    connection.destroy()
  }
}
