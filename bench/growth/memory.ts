/** The detector's memory by the customers whom it has met, each with a history in TiDB. */
import { type Transaction, tenantTopic } from '../../services/shared/events.ts'
import { type Bank, createBank, load, sizeOf, waitForSize } from '../bank.ts'
import { endDetector, mustRun, spawnDetector } from '../detector.ts'
import { cpuLine, memoryOf, meterCpu, peakMemory } from '../process.ts'
import { processesOf, type Watched } from '../servers.ts'
import { copyOf } from './copies.ts'
import { type History, makeHistory } from './history.ts'
import { recordOf } from './people.ts'
import { say } from './progress.ts'

/** So many customers in steps, with so many transactions each, of whom so many are decided and the others copied. */
export type Shape = { customers: readonly number[]; each: number; decided: number }
/** `perSecond` and `cpuUs` (microseconds of a transaction by process) are of the step: for each customer the history was read. */
export type MemoryPoint = {
  customers: number
  each: number
  rssMb: number
  peakMb: number
  perSecond: number
  cpuUs: Record<string, number>
}

/** One transaction of a minute ago for each of so many customers: the bank's own first, then their copies. */
function* touchesOf({ lasts, copies }: History, customers: number): Generator<Transaction> {
  const time = new Date(Date.now() - 60_000).toISOString()
  let made = 0
  for (let copy = 0; copy <= copies; copy++)
    for (const event of lasts) {
      if (made++ === customers) return
      yield { ...event, id: `touch-${made}`, customer: copyOf(event.customer as string, copy), time }
    }
}

async function touch(bank: Bank, history: History, shape: Shape, options: Watched): Promise<MemoryPoint[]> {
  const decisions = tenantTopic(bank.tenant, 'decisions')
  const answered = await sizeOf(bank.bus, decisions)
  let waiting: ReturnType<typeof recordOf>[] = []
  for (const event of touchesOf(history, Math.max(...shape.customers))) {
    if (waiting.push(recordOf(event)) < 1000) continue
    await bank.bus.send(waiting)
    waiting = []
  }
  await load(bank.bus, waiting)
  const child = spawnDetector(bank.config, options.flags)
  const pid = child.pid as number
  const points: MemoryPoint[] = []
  try {
    const until = (n: number) => waitForSize(bank.bus, decisions, answered + n, 600 + n / 200, () => mustRun(child))
    await until(1)
    const processes = [{ name: 'assay', pid }, ...processesOf(options)]
    let [met, began, used] = [0, Date.now(), meterCpu(processes)]
    for (const customers of shape.customers) {
      await until(customers)
      const perSecond = Math.round(((customers - met) * 1000) / (Date.now() - began))
      const point = {
        customers,
        each: Math.round((history.rows / history.customers) * 10) / 10,
        rssMb: memoryOf(pid),
        peakMb: peakMemory(pid),
        perSecond,
        cpuUs: used(customers - met),
      }
      say(
        `${customers} customers with ${point.each} transactions each: ${point.rssMb} MB, at most ${point.peakMb} so far; ${perSecond}/s, CPU µs ${cpuLine(point.cpuUs)}`,
      )
      points.push(point)
      ;[met, began, used] = [customers, Date.now(), meterCpu(processes)]
    }
    return points
  } finally {
    await endDetector(child)
  }
}

/** Measures each shape in a bank of its own. */
export async function byCustomers(shapes: readonly Shape[], options: Watched): Promise<MemoryPoint[]> {
  const points: MemoryPoint[] = []
  for (const shape of shapes) {
    const bank = await createBank(options.env)
    try {
      const people = { seed: 910, customers: Math.round(shape.decided / shape.each) }
      const history = await makeHistory(bank, options, people, { decided: shape.decided, customers: Math.max(...shape.customers) })
      points.push(...(await touch(bank, history, shape, options)))
    } finally {
      await bank.close()
    }
  }
  return points
}
