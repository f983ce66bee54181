/** How long the bank waits for decisions when its detector is killed. */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Transaction } from '../../services/shared/events.ts'
import type { Bank } from '../bank.ts'
import { endDetector, mustRun, spawnDetector } from '../detector.ts'
import { now } from '../latency/arrivals.ts'
import { createReader, type Reader } from '../latency/reader.ts'
import type { Watched } from '../servers.ts'
import type { History } from './history.ts'
import { doingsOf, recordOf } from './people.ts'
import { say } from './progress.ts'

/** Transactions a second of the load under which it is killed, and milliseconds between two sends. */
const [perSecond, pause] = [200, 20]
/** Milliseconds for which each detector works before it is killed, and after which nobody waits any more. */
const [atWork, patience] = [5000, 60_000]

/** Sends transactions, some every few milliseconds, until it is stopped; `sentAt` says when each went out. */
function trickle(bank: Bank, events: Iterator<{ event: Transaction }>): { sentAt: Map<string, number>; stop(): Promise<void> } {
  const sentAt = new Map<string, number>()
  let going = true
  const sending = (async () => {
    while (going) {
      const at = now()
      const batch = Array.from({ length: (perSecond * pause) / 1000 }, () => (events.next().value as { event: Transaction }).event)
      for (const { id } of batch) sentAt.set(id, at)
      await bank.bus.send(batch.map(recordOf))
      await sleep(Math.max(1, pause - (now() - at)))
    }
  })()
  sending.catch(() => undefined)
  return {
    sentAt,
    stop() {
      going = false
      return sending
    },
  }
}

/**
 * Kills the only detector of a bank under load so many times. Each time gives the seconds from when the next one is spawned, which is at once, to
 * when the first decision of a transaction that was sent after that is in a reader's hands.
 */
export async function restarts(bank: Bank, { people }: Pick<History, 'people'>, runs: number, options: Watched): Promise<number[]> {
  const seconds: number[] = []
  const reader: Reader = await createReader(bank)
  let child: ChildProcess = spawnDetector(bank.config, options.flags)
  const load = trickle(bank, doingsOf(bank.tenant, people, { transactions: 200_000, from: 5, to: 0.01, mark: 'r' }))
  /** When the first decision came of what was sent after an instant. */
  const decidedAfter = async (instant: number): Promise<number> => {
    for (const until = Date.now() + patience; Date.now() < until; await sleep(5)) {
      mustRun(child)
      const came = [...reader.take().decided].filter(([id]) => (load.sentAt.get(id) ?? 0) > instant)
      if (came.length > 0) return Math.min(...came.map(([, { at }]) => at))
    }
    throw new Error(`nothing that was sent is decided after ${patience / 1000} s`)
  }
  try {
    await decidedAfter(now())
    for (let run = 0; run < runs; run++) {
      await sleep(atWork)
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
      const spawned = now()
      child = spawnDetector(bank.config, options.flags)
      seconds.push(Math.round((await decidedAfter(spawned)) - spawned) / 1000)
      say(`killed, run ${run + 1} of ${runs}: ${seconds[run]} s from spawn to the first decision of what came since`)
    }
    return seconds
  } finally {
    await load.stop().catch(() => undefined)
    await reader.stop()
    await endDetector(child)
  }
}
