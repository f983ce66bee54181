/** A long load at half of the highest rate, minute by minute: does memory or latency rise? */
import type { ChildProcess } from 'node:child_process'
import { createBank } from '../bank.ts'
import { endDetector, spawnDetector } from '../detector.ts'
import { drainBy } from '../drain.ts'
import { createLoader } from '../latency/loader.ts'
import { measure, untilRead } from '../latency/open-loop.ts'
import { createReader, type Reader } from '../latency/reader.ts'
import { memoryOf, percentilesOf } from '../process.ts'
import { processesOf, type Watched } from '../servers.ts'
import { say } from './progress.ts'
import { riseOf } from './slope.ts'

export type SoakMinute = {
  minute: number
  sent: number
  decided: number
  p50: number
  p95: number
  p99: number
  max: number
  /** MB at the end of the minute, by process. */
  rssMb: Record<string, number>
  cpuUs: Record<string, number>
}
export type Soak = {
  highest: number
  perSecond: number
  customers: number
  minutes: SoakMinute[]
  /** Rise along the trend over what counts, as a part of the median. */
  rise: { memory: number; p50: number; p95: number }
}
export type SoakOptions = Watched & { minutes: number; secondsEach: number; customers: number; backlog: number }

/** No machine of this size decides more in a second; the stream is made for half of it. */
const mostPerSecond = 12_000
/** Part of the highest rate. */
const share = 0.5
/** First part of the time, in which memory fills and code is compiled: it does not count. */
const settling = 0.2

/** The rises over what counts of the minutes. */
export function risesOf(minutes: readonly SoakMinute[]): Soak['rise'] {
  const counted = minutes.slice(Math.floor(minutes.length * settling))
  return {
    memory: riseOf(counted.map((m) => m.rssMb.assay)),
    p50: riseOf(counted.map((m) => m.p50)),
    p95: riseOf(counted.map((m) => m.p95)),
  }
}

/**
 * Finds the highest rate over a backlog, then sends half of it. There are more customers than fit into the detector's memory, so that it is full
 * soon, and what is longest unused goes all the time.
 */
export async function soak(options: SoakOptions): Promise<Soak> {
  const { minutes, secondsEach, customers, backlog } = options
  const bank = await createBank(options.env)
  const transactions = backlog + Math.ceil(minutes * (secondsEach + 2) * mostPerSecond * share)
  const loader = createLoader({ kafka: bank.config.kafka, tenant: bank.tenant, seed: 940, transactions, customers, days: 25 })
  let child: ChildProcess | undefined
  let reader: Reader | undefined
  try {
    await loader.answer('ready')
    loader.order({ backlog })
    const stream = await loader.answer('loaded')
    child = spawnDetector(bank.config, options.flags)
    const highest = Math.min(mostPerSecond, Math.round((await drainBy(child, bank, stream, options)).assay))
    const perSecond = Math.round(highest * share)
    say(`highest rate ${highest}/s over a backlog of ${backlog}; ${perSecond}/s for ${minutes} times ${secondsEach} s`)
    reader = await createReader(bank)
    const loop = { name: 'assay', child, loader, reader, answered: stream.records }
    await untilRead(loop, stream.records, 120)
    reader.take()
    const seen: SoakMinute[] = []
    for (let minute = 1; minute <= minutes; minute++) {
      const { sent, decided, cpuUs } = await measure(loop, { perSecond, warm: 0, seconds: secondsEach, seed: 940 + minute }, options)
      const { p50, p95, p99, max } = percentilesOf(decided)
      const processes = [{ name: 'assay', pid: child.pid as number }, ...processesOf(options)]
      const rssMb = Object.fromEntries(processes.map(({ name, pid }) => [name, memoryOf(pid)]))
      seen.push({ minute, sent, decided: decided.length, p50, p95, p99, max, rssMb, cpuUs })
      say(`minute ${minute} of ${minutes}: p50 ${p50}, p95 ${p95}, p99 ${p99} ms, detector ${rssMb.assay} MB`)
    }
    return { highest, perSecond, customers, minutes: seen, rise: risesOf(seen) }
  } finally {
    await reader?.stop()
    if (child) await endDetector(child)
    loader.stop()
    await bank.close()
  }
}
