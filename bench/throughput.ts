/**
 * `npm run bench -- throughput`: the full path (produced, decided, recorded, published) over a backlog, beside two yardsticks in the same
 * run: kafkajs passing the same records through, and inserting the same rows alone by the same statement.
 */
import { cpus, totalmem } from 'node:os'
import type { Decided } from '../services/detector/batch.ts'
import { insertDecided, prepareForWriting } from '../services/detector/record/insert.ts'
import { findDecided } from '../services/detector/state/decided-rows.ts'
import { tenantTopic } from '../services/shared/events.ts'
import { defaultPartitioner } from '../services/shared/kafka/kafkajs.ts'
import { type Bank, createBank, load, type Stream, spanOf, streamOf, waitForSize } from './bank.ts'
import { endDetector, mustRun, spawnDetector } from './detector.ts'
import { type Drained, deadline, drain, type Watched } from './drain.ts'
import { type Percentiles, percentilesOf, type Spread, spreadOf } from './process.ts'

export type ThroughputOptions = Watched & { transactions: number; runs: number; seconds: number }
export type Result = {
  name: string
  perSecond?: Spread
  runs?: number
  shareOfKafka?: number
  shareOfInsert?: number
  cpuUs?: Record<string, number>
  rssPeakMb?: number
  latencyMs?: Percentiles
  sent: number
  decided?: number
}
type Target = { name: string; atLeast: number; aim: number; value: number; met: boolean }
export type Report = { bench: 'throughput'; conditions: Record<string, unknown>; sql: string; results: Result[]; targets: Target[] }

type Run = Drained & { kafka: number; insert: number }

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

/** Open loop: from the moment a transaction was due to its decision in another consumer's hands. A late send counts against us. */
async function latency(options: ThroughputOptions, perSecond: number): Promise<Result> {
  const bank = await createBank(options.env)
  const child = spawnDetector(bank.config, options.flags)
  try {
    const warm = perSecond * 3
    const stream = streamOf(bank.tenant, perSecond * options.seconds + warm, 99)
    const due = new Map<string, number>()
    const waits: number[] = []
    const seen = new Set<string>()
    const reading = bank.bus.consume({
      group: `${bank.config.group}-latency`,
      topics: [tenantTopic(bank.tenant, 'decisions')],
      fromBeginning: true,
      each: async (records) => {
        const now = Date.now()
        for (const r of records) {
          const { id } = JSON.parse((r.value as Buffer).toString()) as { id: string }
          const at = due.get(id)
          if (at === undefined || seen.has(id)) continue
          seen.add(id)
          waits.push(now - at)
        }
      },
    })
    await reading.start()
    // The start of the process is not what is measured: it has decided the first seconds' worth before the clock runs.
    await load(bank.bus, stream.transactions.slice(0, warm))
    await waitForSize(bank.bus, tenantTopic(bank.tenant, 'decisions'), warm, deadline, () => mustRun(child))
    const timed = stream.transactions.slice(warm)
    const ids = timed.map((t) => (JSON.parse(t.value as string) as { id: string }).id)
    const warmIds = new Set(stream.transactions.slice(0, warm).map((t) => (JSON.parse(t.value as string) as { id: string }).id))
    const began = Date.now()
    for (let sent = 0; sent < timed.length; ) {
      const until = Math.min(timed.length, Math.floor(((Date.now() - began) * perSecond) / 1000))
      if (until > sent) {
        for (let i = sent; i < until; i++) if (!warmIds.has(ids[i]) && !due.has(ids[i])) due.set(ids[i], began + (i * 1000) / perSecond)
        await bank.bus.send(timed.slice(sent, until))
        sent = until
      } else await new Promise((resolve) => setTimeout(resolve, 2))
    }
    const end = Date.now() + 30_000
    while (seen.size < due.size && Date.now() < end) {
      mustRun(child)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await reading.stop()
    return {
      name: `latency at ${perSecond}/s`,
      latencyMs: percentilesOf(waits),
      sent: due.size,
      decided: seen.size,
    }
  } finally {
    await endDetector(child)
    await bank.close()
  }
}

/** Runs everything. */
export async function throughput(options: ThroughputOptions): Promise<Report> {
  const runs: Run[] = []
  for (let n = 0; n < options.runs; n++) {
    const run = await once(n, options)
    say(
      `run ${n + 1} of ${options.runs}: ${Math.round(run.assay)}/s decided, ${Math.round(run.kafka)}/s passed through, ${Math.round(run.insert)}/s inserted alone`,
    )
    if (run.decided !== run.sent) throw new Error(`${run.sent} distinct transactions were sent and ${run.decided} decided`)
    runs.push(run)
  }
  const sum = (pick: (r: Run) => number) => spreadOf(runs.map(pick))
  const [assay, kafka, insert] = [sum((r) => r.assay), sum((r) => r.kafka), sum((r) => r.insert)]
  const cpuUs = Object.fromEntries(Object.keys(runs[0].cpuUs).map((name) => [name, sum((r) => r.cpuUs[name]).median]))
  const rssPeakMb = sum((r) => r.rssPeakMb).max
  const share = (x: number) => Math.round((assay.median / x) * 1000) / 1000
  const { sent, decided } = runs[0]
  const sql = options.servers.find((s) => s.name === 'sql')
  return {
    bench: 'throughput',
    conditions: {
      cores: cpus().length,
      memoryGb: Math.round(totalmem() / 2 ** 30),
      node: process.versions.node,
      servers: options.servers.map((s) => `${s.product} ${s.version}`),
      transactions: options.transactions,
      resends: 0.01,
      partitions: 4,
      history: 'none in memory, none stored',
    },
    sql: sql ? `${sql.product} ${sql.version}` : 'unknown',
    results: [
      {
        name: 'decided, recorded and published',
        perSecond: assay,
        runs: runs.length,
        shareOfKafka: share(kafka.median),
        shareOfInsert: share(insert.median),
        cpuUs,
        rssPeakMb,
        sent,
        decided,
      },
      { name: 'kafkajs pass-through', perSecond: kafka, runs: runs.length, sent },
      { name: 'insert alone', perSecond: insert, runs: runs.length, sent },
      ...(options.seconds > 0 ? [await latency(options, 1000)] : []),
    ],
    targets: [
      { name: 'decided a second', atLeast: 5000, aim: 10_000, value: assay.median, met: assay.median >= 5000 },
      { name: 'peak memory of the detector, MB', atLeast: 500, aim: 450, value: rssPeakMb, met: rssPeakMb <= 500 },
    ],
  }
}
