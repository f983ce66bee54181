/** How fast a backlog is worked off beside so many stored rows: first with nothing in memory, then with all its customers' histories there. */
import { freePort } from '../../infra/stack/ports.ts'
import { tenantTopic } from '../../services/shared/events.ts'
import { type Bank, createBank, load, sizeOf, waitForSize } from '../bank.ts'
import { endDetector, mustRun, spawnDetector } from '../detector.ts'
import { readDecisions } from '../peers/read-decisions.ts'
import { cpuLine, meterCpu, peakMemory, type Spread, spreadOf } from '../process.ts'
import { processesOf, type Watched } from '../servers.ts'
import { makeHistory } from './history.ts'
import { type Batches, batchesBetween, readBatches } from './metrics.ts'
import { doingsOf, type People, recordOf } from './people.ts'
import { say } from './progress.ts'

export type Half = { perSecond: number; cpuUs: Record<string, number>; batches: Batches }
type Halves = { cold: Half; warm: Half; rssPeakMb: number }
export type RowsPoint = {
  rows: number
  customers: number
  copiedPerSecond: number
  /** Nothing in memory at first: each customer's history is read from TiDB when the first transaction comes. */
  cold: Summed
  /** The same customers again: all histories are in memory. */
  warm: Summed
  rssPeakMb: Spread
}
/** Rates, and medians of the runs: microseconds of a transaction by process, the milliseconds of TiDB's part of a batch, and the records in it. */
export type Summed = { perSecond: Spread; cpuUs: Record<string, number>; batchMs: number; batchRecords: number }

export type RowsOptions = Watched & { rows: readonly number[]; backlog: number; runs: number; people: People; decided: number }

/**
 * Works two backlogs of the same people off, one behind the other, by a detector that begins with nothing in memory. The bank has decided so many
 * as `before`. Throws when what was decided is not what was sent.
 */
async function workOff(
  bank: Bank,
  people: People,
  run: number,
  backlog: number,
  options: Watched,
  before: number,
): Promise<Halves & { distinct: number }> {
  const decisions = tenantTopic(bank.tenant, 'decisions')
  const answered = await sizeOf(bank.bus, decisions)
  const records: ReturnType<typeof recordOf>[] = []
  let distinct = 0
  const doings = { transactions: 2 * backlog, from: 5, to: 0.05, mark: `b${run}`, resends: 0.01 }
  for (const { event, resend } of doingsOf(bank.tenant, people, doings)) {
    records.push(recordOf(event))
    if (!resend) distinct++
  }
  await load(bank.bus, records)
  const port = await freePort()
  const child = spawnDetector(bank.config, options.flags, port)
  const pid = child.pid as number
  const processes = [{ name: 'assay', pid }, ...processesOf(options)]
  const half = records.length >> 1
  const until = (n: number) => waitForSize(bank.bus, decisions, answered + n, 120 + records.length / 300, () => mustRun(child))
  try {
    await until(1)
    const [coldCpu, begun] = [meterCpu(processes), await readBatches(port)]
    await until(half)
    const cold = { cpuUs: coldCpu(half), at: await readBatches(port) }
    const warmCpu = meterCpu(processes)
    await until(records.length)
    const warm = { cpuUs: warmCpu(records.length - half), at: await readBatches(port) }
    const { times, ids } = await readDecisions(bank.bus, decisions, `${decisions}.${run}`, answered + records.length, 300)
    if (ids !== before + distinct) throw new Error(`${distinct} distinct transactions were sent and ${ids - before} decided`)
    const mine = times.toSorted((a, b) => a - b).slice(answered)
    const rate = (part: readonly number[]) => ((part.length - 1) * 1000) / (part[part.length - 1] - part[0])
    return {
      cold: { perSecond: rate(mine.slice(0, half)), cpuUs: cold.cpuUs, batches: batchesBetween(begun, cold.at) },
      warm: { perSecond: rate(mine.slice(half)), cpuUs: warm.cpuUs, batches: batchesBetween(cold.at, warm.at) },
      rssPeakMb: peakMemory(pid),
      distinct,
    }
  } finally {
    await endDetector(child)
  }
}

function sumUp(halves: readonly Half[]): Summed {
  const median = (pick: (h: Half) => number, digits = 0) => spreadOf(halves.map(pick), digits).median
  return {
    perSecond: spreadOf(halves.map((h) => h.perSecond)),
    cpuUs: Object.fromEntries(Object.keys(halves[0].cpuUs).map((name) => [name, median((h) => h.cpuUs[name])])),
    batchMs: median((h) => h.batches.ms, 1),
    batchRecords: median((h) => h.batches.records),
  }
}

/** Measures each number of stored rows, `runs` times in a bank of its own. */
export async function byRows(options: RowsOptions): Promise<RowsPoint[]> {
  const { people, decided, backlog, runs } = options
  const points: RowsPoint[] = []
  for (const rows of options.rows) {
    const bank = await createBank(options.env)
    try {
      const history = rows === 0 ? undefined : await makeHistory(bank, options, people, { decided: Math.min(decided, rows), rows })
      const all: Halves[] = []
      let before = history?.decided ?? 0
      for (let run = 0; run < runs; run++) {
        const halves = await workOff(bank, people, run, backlog, options, before)
        before += halves.distinct
        all.push(halves)
        const rate = ({ perSecond, cpuUs }: Half) => `${Math.round(perSecond)}/s (CPU µs ${cpuLine(cpuUs)})`
        say(
          `beside ${history?.rows ?? 0} rows, run ${run + 1} of ${runs}: nothing in memory ${rate(halves.cold)}, then ${rate(halves.warm)}`,
        )
      }
      points.push({
        ...{ rows: history?.rows ?? 0, customers: history?.customers ?? 0, copiedPerSecond: history?.copiedPerSecond ?? 0 },
        ...{ cold: sumUp(all.map((h) => h.cold)), warm: sumUp(all.map((h) => h.warm)) },
        rssPeakMb: spreadOf(all.map((h) => h.rssPeakMb)),
      })
    } finally {
      await bank.close()
    }
  }
  return points
}
