/** `npm run bench -- backlog`: one long backlog of many customers, and how much memory the detector takes over it. */
import { createBank, loadStream } from './bank.ts'
import { type Drained, drain } from './drain.ts'
import type { Watched } from './servers.ts'

export type BacklogReport = {
  bench: 'backlog'
  transactions: number
  customers: number
  result: Drained
  target: { atMostMb: number; met: boolean }
}

const atMostMb = 700

/** Loads the backlog, then lets one detector work it off. Throws when what was decided is not what was sent. */
export async function backlog(options: Watched & { transactions: number; customers: number }): Promise<BacklogReport> {
  const { transactions, customers } = options
  const bank = await createBank(options.env)
  try {
    const stream = await loadStream(bank, { transactions, customers, seed: 700 })
    process.stderr.write(`${stream.records} records lie in Kafka\n`)
    const result = await drain(bank, stream, options, transactions / 500)
    if (result.decided !== result.sent) throw new Error(`${result.sent} distinct transactions were sent and ${result.decided} decided`)
    return { bench: 'backlog', transactions, customers, result, target: { atMostMb, met: result.rssPeakMb <= atMostMb } }
  } finally {
    await bank.close()
  }
}
