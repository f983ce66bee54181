/** Customers with a great many transactions: a profile keeps the newest of them, so that what one costs has a bound. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Transaction, tenantTopic } from '../../services/shared/events.ts'
import { type Bank, createBank, load, sizeOf, waitForSize } from '../bank.ts'
import { endDetector, mustRun, spawnDetector } from '../detector.ts'
import { now } from '../latency/arrivals.ts'
import { createReader, type Reader } from '../latency/reader.ts'
import { meterCpu, type Spread, spreadOf } from '../process.ts'
import { processesOf, type Watched } from '../servers.ts'
import { copyFor } from './copies.ts'
import { makeHistory } from './history.ts'
import { doingsOf, recordOf } from './people.ts'
import { say } from './progress.ts'

export type HeavyPoint = {
  /** Stored transactions of a customer. */
  each: number
  customers: number
  /** Milliseconds to the decision of a lone transaction: the first, for which the history is read, and later ones. */
  firstMs: Spread
  laterMs: Spread
  /** Microseconds of a transaction by process over a backlog of these customers alone, whose histories are in memory. */
  cpuUs: Record<string, number>
}

/** Fewer customers where each has more, so that loading them takes about as long. */
export const customersFor = (each: number): number => Math.max(2, Math.min(20, Math.round(100_000 / each)))
const nameOf = (each: number, n: number) => `heavy-${each}-${n}`
/** Later transactions of each customer, and transactions before anything counts, so that the code is compiled. */
const [lonely, warmUp] = [5, 2000]

async function waitOf(bank: Bank, reader: Reader, event: Transaction): Promise<number> {
  const seen = reader.decisions()
  const sent = now()
  await bank.bus.send([recordOf(event)])
  for (const until = Date.now() + 60_000; reader.decisions() === seen; await sleep(1))
    if (Date.now() > until) throw new Error(`${event.id} is not decided after a minute`)
  const at = reader.take().decided.get(event.id)?.at
  if (at === undefined) throw new Error(`something else than ${event.id} was decided`)
  return at - sent
}

/** Measures customers of each number of transactions; `decided` are there to be copied, so that no customer can have more. */
export async function byTransactions(
  each: readonly number[],
  options: Watched & { decided: number; backlog: number },
): Promise<HeavyPoint[]> {
  const { decided, backlog } = options
  const bank = await createBank(options.env)
  try {
    const people = { seed: 920, customers: Math.max(20, Math.round(decided / 50)) }
    await makeHistory(bank, options, people, { decided })
    for (const n of each) for (let i = 0; i < customersFor(n); i++) await copyFor(bank.database, bank.tenant, nameOf(n, i), n)
    const doings = doingsOf(bank.tenant, people, {
      ...{ transactions: warmUp + each.length * (backlog + 20 * (1 + lonely)), from: 2, to: 0.01, mark: 'y' },
    })
    const next = () => (doings.next().value as { event: Transaction }).event
    const decisions = tenantTopic(bank.tenant, 'decisions')
    const child = spawnDetector(bank.config, options.flags)
    let reader: Reader | undefined
    try {
      reader = await createReader(bank)
      // Its code is compiled before anything counts.
      const answered = await sizeOf(bank.bus, decisions)
      await load(
        bank.bus,
        Array.from({ length: warmUp }, () => recordOf(next())),
      )
      for (const until = Date.now() + 60_000; reader.decisions() < answered + warmUp; await sleep(20)) {
        mustRun(child)
        if (Date.now() > until) throw new Error('the first transactions are not decided after a minute')
      }
      reader.take()
      const points: HeavyPoint[] = []
      for (const n of each) {
        const customers = Array.from({ length: customersFor(n) }, (_, i) => nameOf(n, i))
        const take = (customer: string): Transaction => ({ ...next(), customer })
        const [first, later]: number[][] = [[], []]
        for (const customer of customers) first.push(await waitOf(bank, reader, take(customer)))
        for (let i = 0; i < lonely; i++) for (const customer of customers) later.push(await waitOf(bank, reader, take(customer)))
        const size = await sizeOf(bank.bus, decisions)
        const used = meterCpu([{ name: 'assay', pid: child.pid as number }, ...processesOf(options)])
        await load(
          bank.bus,
          Array.from({ length: backlog }, (_, i) => recordOf(take(customers[i % customers.length]))),
        )
        await waitForSize(bank.bus, decisions, size + backlog, 300, () => mustRun(child))
        const point = {
          each: n,
          customers: customers.length,
          firstMs: spreadOf(first, 1),
          laterMs: spreadOf(later, 1),
          cpuUs: used(backlog),
        }
        await sleep(300)
        reader.take()
        say(
          `${n} transactions a customer: first ${point.firstMs.median} ms, later ${point.laterMs.median} ms, assay ${point.cpuUs.assay} µs`,
        )
        points.push(point)
      }
      return points
    } finally {
      await reader?.stop()
      await endDetector(child)
    }
  } finally {
    await bank.close()
  }
}
