/** The detector over a backlog, as a process of its own: how fast, by how much work of which process, in how much memory. */
import { tenantTopic } from '../services/shared/events.ts'
import { type Bank, spanOf, waitForSize } from './bank.ts'
import { endDetector, mustRun, spawnDetector } from './detector.ts'
import { cpuSeconds, memoryOf, peakMemory } from './process.ts'

export type Watched = {
  env: Record<string, string | undefined>
  servers: { name: string; product: string; version: string; pid?: number }[]
  /** For Node, when it runs the detector of the backlog. */
  flags?: readonly string[]
}
export type Drained = {
  /** Decided a second. */
  assay: number
  cpuUs: Record<string, number>
  rssPeakMb: number
  /** Memory in MB when a tenth, two tenths and so on were decided. */
  rssMb: number[]
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
  const decisions = tenantTopic(bank.tenant, 'decisions')
  // A server that somebody else runs has no process that we know, and is left out.
  const watched = options.servers.flatMap(({ name, pid }) => (pid === undefined ? [] : [{ name: name === 'sql' ? 'tidb' : name, pid }]))
  const child = spawnDetector(bank.config, options.flags)
  const pid = child.pid as number
  const check = () => mustRun(child)
  try {
    const all = () => [{ name: 'assay', pid }, ...watched].map(({ name, pid: of }) => ({ name, cpu: cpuSeconds(of) }))
    await waitForSize(bank.bus, decisions, 1, seconds, check)
    const before = all()
    const rssMb: number[] = []
    for (let tenth = 1; tenth <= 10; tenth++) {
      await waitForSize(bank.bus, decisions, Math.floor((stream.records * tenth) / 10), seconds, check)
      rssMb.push(memoryOf(pid))
    }
    const cpuUs = Object.fromEntries(all().map(({ name, cpu }, i) => [name, Math.round(((cpu - before[i].cpu) * 1e6) / stream.records)]))
    const rssPeakMb = peakMemory(pid)
    const { first, last, ids } = await spanOf(bank.bus, decisions, `${bank.config.group}-reader`)
    return { assay: (stream.records * 1000) / (last - first), cpuUs, rssPeakMb, rssMb, sent: stream.distinct, decided: ids }
  } finally {
    await endDetector(child)
  }
}
