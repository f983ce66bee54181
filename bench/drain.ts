/** The detector over a backlog, as a process of its own: how fast, by how much work of which process, in how much memory. */
import type { ChildProcess } from 'node:child_process'
import { tenantTopic } from '../services/shared/events.ts'
import { type Bank, spanOf, waitForSize } from './bank.ts'
import { endDetector, mustRun, spawnDetector } from './detector.ts'
import { memoryOf, meterCpu, peakMemory } from './process.ts'
import { processesOf, type Watched } from './servers.ts'

export type Spent = {
  /** Microseconds of a transaction, by process. */
  cpuUs: Record<string, number>
  rssPeakMb: number
  /** Memory in MB when a tenth, two tenths and so on were decided. */
  rssMb: number[]
}
export type Drained = Spent & {
  /** Decided a second. */
  assay: number
  sent: number
  decided: number
}

/** Seconds that a run may take. */
export const deadline = 300

/** Lets a detector work off what lies in the bank's topics, of which `records` will be answered and `distinct` decided. */
export async function drain(
  bank: Bank,
  stream: { records: number; distinct: number },
  options: Watched,
  seconds = deadline,
): Promise<Drained> {
  const child = spawnDetector(bank.config, options.flags)
  try {
    return await drainBy(child, bank, stream, options, seconds)
  } finally {
    await endDetector(child)
  }
}

/** The same by a detector that has just been started, and goes on. */
export async function drainBy(
  child: ChildProcess,
  bank: Bank,
  stream: { records: number; distinct: number },
  options: Watched,
  seconds = deadline,
): Promise<Drained> {
  const decisions = tenantTopic(bank.tenant, 'decisions')
  const spent = await meter({ name: 'assay', child, decisions }, bank, stream.records, options, seconds)
  const read = () => spanOf(bank.bus, decisions, `${bank.config.group}-reader`)
  let span = await read()
  // After a rebalance some are published twice, so that the topic is full before all are decided.
  while (span.ids < stream.distinct) {
    await waitForSize(bank.bus, decisions, span.records + 1, seconds, () => mustRun(child))
    span = await read()
  }
  return { assay: (stream.records * 1000) / (span.last - span.first), ...spent, sent: stream.distinct, decided: span.ids }
}

/** Who works a backlog off: a process that has just been started, and the topic that it decides into. */
export type Worker = { name: string; child: ChildProcess; decisions: string }

/** Waits until a worker has written so many records; what it and the servers spent from the first of them on. */
export async function meter(
  { name, child, decisions }: Worker,
  { bus }: Bank,
  records: number,
  options: Watched,
  seconds = deadline,
): Promise<Spent> {
  const pid = child.pid as number
  const check = () => mustRun(child, name)
  await waitForSize(bus, decisions, 1, seconds, check)
  const used = meterCpu([{ name, pid }, ...processesOf(options)])
  const rssMb: number[] = []
  for (let tenth = 1; tenth <= 10; tenth++) {
    await waitForSize(bus, decisions, Math.floor((records * tenth) / 10), seconds, check)
    rssMb.push(memoryOf(pid))
  }
  return { cpuUs: used(records), rssPeakMb: peakMemory(pid), rssMb }
}
