/**
 * `npm run bench -- throughput`: the full path (produced, decided, recorded, published) over a backlog, beside two yardsticks in the same
 * run: kafkajs passing the same records through, and inserting the same rows alone by the same statement.
 */
import type { Decided } from '../services/detector/batch.ts'
import { insertDecided, prepareForWriting } from '../services/detector/record/insert.ts'
import { findDecided } from '../services/detector/state/decided-rows.ts'
import { tenantTopic } from '../services/shared/events.ts'
import { defaultPartitioner } from '../services/shared/kafka/kafkajs.ts'
import { type Bank, createBank, load, type Stream, spanOf, streamOf, waitForSize } from './bank.ts'
import { type Conditions, conditionsOf } from './conditions.ts'
import { type Drained, deadline, drain } from './drain.ts'
import { type Spread, spreadOf } from './process.ts'
import type { Watched } from './servers.ts'
import { atLeast, atMost, type Target } from './targets.ts'

export type ThroughputOptions = Watched & { transactions: number; runs: number }
export type Report = {
  bench: 'throughput'
  conditions: Conditions & Record<string, unknown>
  runs: number
  sent: number
  decided: number
  /** A second. */
  perSecond: { decided: Spread; kafkajs: Spread; insert: Spread }
  /** The medians beside each other. */
  shareOf: { kafkajs: number; insert: number }
  /** CPU microseconds of a transaction by process, each the median of the runs. */
  cpuUs: Record<string, number>
  rssPeakMb: Spread
  targets: Target[]
}

type Run = Drained & { kafka: number; insert: number }

const cpuOfAll = ({ cpuUs }: Run) => Object.values(cpuUs).reduce((sum, us) => sum + us, 0)
const say = (line: string) => process.stderr.write(`${line}\n`)
/** The first yardstick: kafkajs alone, as its documents show it. Consume, parse, produce batch by batch, acks of all replicas. */
async function passThrough(bank: Bank, stream: Stream): Promise<number> {
  // A topic that nothing else was written to.
  const to = tenantTopic(bank.tenant, 'outcomes')
  const producer = bank.bus.kafka.producer({ createPartitioner: defaultPartitioner })
  const consumer = bank.bus.kafka.consumer({ groupId: `${bank.config.group}-through`, maxWaitTimeInMs: 20 })
  await producer.connect()
  await consumer.connect()
  try {
    await consumer.subscribe({ topic: tenantTopic(bank.tenant, 'transactions'), fromBeginning: true })
    await consumer.run({
      partitionsConsumedConcurrently: 4,
      eachBatch: async ({ batch }) => {
        const messages = batch.messages.map(({ key, value }) => {
          const { id } = JSON.parse((value as Buffer).toString()) as { id: string }
          return { key, value: JSON.stringify({ id, event: 'passed' }) }
        })
        await producer.send({ topic: to, messages, acks: -1 })
      },
    })
    await waitForSize(bank.bus, to, stream.transactions.length, deadline)
  } finally {
    await consumer.disconnect()
    await producer.disconnect()
  }
  const { first, last, records } = await spanOf(bank.bus, to, `${bank.config.group}-passed`)
  return (records * 1000) / (last - first)
}

/** The second yardstick: the rows that were decided, inserted into an empty table of the same form, 512 in a transaction. */
async function insertAlone(bank: Bank, stream: Stream, env: ThroughputOptions['env']): Promise<number> {
  const ids = [...new Set(stream.transactions.map((t) => (JSON.parse(t.value as string) as { id: string }).id))]
  const rows = [
    ...(
      await findDecided(
        bank.database,
        ids.map((id) => ({ tenant: bank.tenant, id })),
      )
    ).values(),
  ]
  const [{ featureSet }] = await bank.database.query<{ featureSet: Buffer }>('SELECT feature_set AS featureSet FROM transactions LIMIT 1')
  const other = await createBank(env)
  const connection = await other.database.connect()
  try {
    await prepareForWriting(connection)
    const began = performance.now()
    for (let from = 0; from < rows.length; from += 512) {
      await insertDecided(connection, rows.slice(from, from + 512) as Decided[], featureSet)
      await connection.query('COMMIT')
    }
    return (rows.length * 1000) / (performance.now() - began)
  } finally {
    connection.destroy()
    await other.close()
  }
}

async function once(n: number, options: ThroughputOptions): Promise<Run> {
  const bank = await createBank(options.env)
  try {
    const stream = streamOf(bank.tenant, options.transactions, 100 + n)
    await load(bank.bus, stream.transactions)
    const drained = await drain(bank, { records: stream.transactions.length, distinct: stream.distinct }, options)
    const kafka = await passThrough(bank, stream)
    const insert = await insertAlone(bank, stream, options.env)
    return { ...drained, kafka, insert }
  } finally {
    await bank.close()
  }
}

/** Runs everything, the yardsticks by turns with what they are for. Throws when what was decided is not what was sent. */
export async function throughput(options: ThroughputOptions): Promise<Report> {
  const conditions = conditionsOf(options, {
    ...{ transactions: options.transactions, resends: 0.01, partitions: 4, history: 'none in memory, none stored' },
  })
  const runs: Run[] = []
  for (let n = 0; n < options.runs; n++) {
    const run = await once(n, options)
    say(
      `run ${n + 1} of ${options.runs}: ${Math.round(run.assay)}/s decided, ${Math.round(run.kafka)}/s passed through, ${Math.round(run.insert)}/s inserted alone`,
    )
    if (run.decided !== run.sent) throw new Error(`${run.sent} distinct transactions were sent and ${run.decided} decided`)
    runs.push(run)
  }
  const spread = (pick: (r: Run) => number) => spreadOf(runs.map(pick))
  const perSecond = { decided: spread((r) => r.assay), kafkajs: spread((r) => r.kafka), insert: spread((r) => r.insert) }
  const share = (of: Spread) => Math.round((perSecond.decided.median / of.median) * 1000) / 1000
  const cpuUs = Object.fromEntries(Object.keys(runs[0].cpuUs).map((name) => [name, spread((r) => r.cpuUs[name]).median]))
  const { sent, decided } = runs[0]
  return {
    bench: 'throughput',
    conditions,
    runs: runs.length,
    sent,
    decided,
    perSecond,
    shareOf: { kafkajs: share(perSecond.kafkajs), insert: share(perSecond.insert) },
    cpuUs,
    rssPeakMb: spread((r) => r.rssPeakMb),
    targets: [
      atLeast('decided a second', perSecond.decided.median, 10_000, 16_000),
      atMost('CPU µs a transaction, all processes together', spread(cpuOfAll).median, 170, 100),
    ],
  }
}
