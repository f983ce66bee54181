/** A backlog worked off by several detectors at once. */
import type { ChildProcess } from 'node:child_process'
import { tenantTopic } from '../../services/shared/events.ts'
import { createBank, load, streamOf, waitForSize } from '../bank.ts'
import { endDetector, mustRun, spawnDetector } from '../detector.ts'
import { readDecisions } from '../peers/read-decisions.ts'
import { ratesOf } from '../peers/summary.ts'
import { memoryOf, meterCpu } from '../process.ts'
import { processesOf, type Watched } from '../servers.ts'
import { heldOf, untilShared } from './held.ts'
import { sharesOf } from './shares.ts'

export type Shared = {
  /** All detectors together. */
  perSecond: number
  /** Microseconds of a transaction by process; `assay` is all detectors together. */
  cpuUs: Record<string, number>
  /** Part of the transactions, and of the detectors' CPU time, that each had, the greatest first. */
  shares: number[]
  cpuShares: number[]
  /** Memory of each detector at the end, in MB. */
  rssMb: number[]
}

/** Transactions that each detector decides before anything counts, so that its code is compiled. */
const warmEach = 15_000

/**
 * Lets so many detectors share the partitions out, warms them up, and then gives them the stream. They work while it is put in, which is a part of
 * what the machine does then. Throws when what was decided is not what was sent.
 */
export async function shareBacklog(
  detectors: number,
  options: Watched & { transactions: number; partitions: number; seed: number; warm?: number },
): Promise<Shared> {
  const { partitions, seed } = options
  const bank = await createBank(options.env, { partitions })
  const decisions = tenantTopic(bank.tenant, 'decisions')
  const children: ChildProcess[] = []
  const check = () => {
    for (const child of children) mustRun(child)
  }
  try {
    const warm = streamOf(bank.tenant, detectors * (options.warm ?? warmEach), seed)
    const stream = streamOf(bank.tenant, options.transactions, seed + 1)
    for (let n = 0; n < detectors; n++) children.push(spawnDetector(bank.config, options.flags))
    await untilShared(bank, partitions, children)
    await load(bank.bus, warm.transactions)
    await waitForSize(bank.bus, decisions, warm.transactions.length, 120, check)
    const before = await heldOf(bank)
    const used = meterCpu([...children.map((child, n) => ({ name: `assay ${n}`, pid: child.pid as number })), ...processesOf(options)])
    await load(bank.bus, stream.transactions)
    const records = warm.transactions.length + stream.transactions.length
    await waitForSize(bank.bus, decisions, records, 300, check)
    const cpu = used(stream.transactions.length)
    const after = await heldOf(bank)
    const { times, ids } = await readDecisions(bank.bus, decisions, `${bank.config.group}-reader`, records, 60)
    const sent = warm.distinct + stream.distinct
    if (ids !== sent) throw new Error(`${sent} distinct transactions were sent and ${ids} decided by ${detectors} detectors`)
    const each = children.map((_, n) => cpu[`assay ${n}`])
    const assay = each.reduce((a, b) => a + b, 0)
    const servers = Object.fromEntries(Object.entries(cpu).filter(([name]) => !name.startsWith('assay ')))
    return {
      perSecond: ratesOf(times.toSorted((a, b) => a - b).slice(warm.transactions.length)).perSecond,
      cpuUs: { assay, ...servers },
      shares: sharesOf(after.map(({ owner, decided }, p) => ({ owner, decided: decided - before[p].decided }))),
      cpuShares: each.map((us) => us / assay).sort((a, b) => b - a),
      rssMb: children.map((child) => memoryOf(child.pid as number)),
    }
  } finally {
    await Promise.all(children.map(endDetector))
    await bank.close()
  }
}
