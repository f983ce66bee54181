/** Assay or Flink at work: over a backlog, and under a load by schedule. */
import { tenantTopic } from '../../services/shared/events.ts'
import { type Bank, createBank, type Stream } from '../bank.ts'
import { endDetector, spawnDetector } from '../detector.ts'
import { meter } from '../drain.ts'
import { createLoader } from '../latency/loader.ts'
import { measure, untilRead } from '../latency/open-loop.ts'
import { createReader, type Reader } from '../latency/reader.ts'
import type { Watched } from '../servers.ts'
import { type Started, startFlink } from './flink.ts'
import { readDecisions } from './read-decisions.ts'
import { type Contender, type Drain, ratesOf } from './summary.ts'

/** With the path of the Flink job. */
export type PeerOptions = Watched & { jar: string }

/** The load by schedule: so many a second, after a backlog that warms the compilers up and seconds that do not count. */
export const openLoop = { perSecond: 1000, backlog: 20_000, warm: 3 } as const

const startAssay = ({ config, tenant }: Bank, { flags }: Watched): Started => {
  const child = spawnDetector(config, flags)
  return { process: 'assay', child, decisions: tenantTopic(tenant, 'decisions'), allRows: async () => {}, end: () => endDetector(child) }
}

const start = async (name: Contender, bank: Bank, options: PeerOptions): Promise<Started> =>
  name === 'Assay' ? startAssay(bank, options) : startFlink(options.jar, name, bank)

/** Lets one of them work off the stream that lies in the bank's topic. Throws when what it decided is not what was sent. */
export async function drainBy(name: Contender, bank: Bank, stream: Stream, options: PeerOptions): Promise<Omit<Drain, 'waits'>> {
  const records = stream.transactions.length
  const started = await start(name, bank, options)
  const { child, decisions } = started
  try {
    const { cpuUs, rssPeakMb } = await meter({ name: started.process, child, decisions }, bank, records, options)
    const { times, ids } = await readDecisions(bank.bus, decisions, `${decisions}.reader`, records, 30)
    if (ids !== stream.distinct) throw new Error(`${stream.distinct} distinct transactions were sent and ${name} decided ${ids}`)
    await started.allRows(stream.distinct)
    return { ...ratesOf(times), cpuUs, rssPeakMb }
  } finally {
    await started.end()
  }
}

/** Milliseconds from when each transaction was due to its decision in a reader's hands. Throws when not all were decided. */
export async function waitsOf(name: Contender, seed: number, seconds: number, options: PeerOptions): Promise<number[]> {
  const { perSecond, backlog, warm } = openLoop
  const bank = await createBank(options.env)
  const transactions = backlog + (warm + seconds) * perSecond
  const loader = createLoader({ kafka: bank.config.kafka, tenant: bank.tenant, seed, transactions })
  let started: Started | undefined
  let reader: Reader | undefined
  try {
    await loader.answer('ready')
    loader.order({ backlog })
    const { records } = await loader.answer('loaded')
    started = await start(name, bank, options)
    reader = await createReader(bank, started.decisions)
    const loop = { name: started.process, child: started.child, loader, reader, answered: records }
    await untilRead(loop, records, 120)
    reader.take()
    const { sent, decided } = await measure(loop, { perSecond, warm, seconds, seed }, options)
    if (decided.length !== sent) throw new Error(`${sent} distinct transactions were sent and ${name} decided ${decided.length}`)
    process.stderr.write(`${name} at ${perSecond}/s: p50 ${decided.toSorted((a, b) => a - b)[decided.length >> 1].toFixed(1)} ms\n`)
    return decided
  } finally {
    await reader?.stop()
    await started?.end()
    loader.stop()
    await bank.close()
  }
}
