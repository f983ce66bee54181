/** Lag and memory, looked at once a second. */
import { setTimeout as sleep } from 'node:timers/promises'
import { tenantTopic } from '../../services/shared/events.ts'
import { type Bank, sizeOf } from '../bank.ts'
import { memoryOf } from '../process.ts'

/** What the other bank sends: nothing; half of the highest rate; twice of it; then nothing, until its backlog is worked off. */
export type PhaseName = 'alone' | 'normal' | 'flood' | 'after'
/** The transactions of the bank that are not decided yet, and the detector's memory. */
export type Sample = { second: number; phase: PhaseName; lag: number; rssMb: number }
export type Watch = {
  readonly samples: readonly Sample[]
  enter(phase: PhaseName): void
  look(): Promise<Sample>
  stop(): Promise<void>
}

/** Watches a bank's lag and a detector's memory until it is stopped. */
export function createWatch(bank: Bank, pid: number): Watch {
  const samples: Sample[] = []
  const began = performance.now()
  let phase: PhaseName = 'alone'
  let stopped = false
  const look = async (): Promise<Sample> => {
    const [{ done }] = await bank.database.query<{ done: number | null }>(
      "SELECT SUM(next_offset) AS done FROM progress WHERE tenant = ? AND topic = 'transactions'",
      [bank.tenant],
    )
    const lag = (await sizeOf(bank.bus, tenantTopic(bank.tenant, 'transactions'))) - Number(done ?? 0)
    const sample = { second: Math.round((performance.now() - began) / 100) / 10, phase, lag, rssMb: memoryOf(pid) }
    samples.push(sample)
    return sample
  }
  const loop = (async () => {
    for (; !stopped; await sleep(1000)) await look()
  })()
  // Whoever stops it hears of a failure.
  loop.catch(() => undefined)
  return {
    samples,
    look,
    enter(name) {
      phase = name
    },
    async stop() {
      stopped = true
      await loop
    },
  }
}
