/** A bank with a history: decided by the detector, and copied for as many more customers as are wanted. */
import { type Transaction, tenantTopic } from '../../services/shared/events.ts'
import type { Bank } from '../bank.ts'
import { load, sizeOf } from '../bank.ts'
import { drain } from '../drain.ts'
import type { Watched } from '../servers.ts'
import { copyRows } from './copies.ts'
import { doingsOf, type People, recordOf } from './people.ts'
import { leftOf, say } from './progress.ts'

/** Of transactions that the detector decided, over the three weeks that end a week ago; each customer and each copy of one has its own. */
export type History = {
  people: People
  decided: number
  copies: number
  customers: number
  rows: number
  copiedPerSecond: number
  /** The last transaction of each customer who was decided for. */
  lasts: Transaction[]
}

/** The whole history, as seen from now: a transaction that is older than a month is refused. */
const days = { from: 27, to: 6 }

/**
 * Lets the detector decide `decided` transactions of these people, and copies them until there are `rows` rows, or `customers` customers, at
 * least. Throws when what was decided is not what was sent.
 */
export async function makeHistory(
  bank: Bank,
  watched: Watched,
  people: People,
  wanted: { decided: number; rows?: number; customers?: number },
): Promise<History> {
  const { decided } = wanted
  const lasts = new Map<string, Transaction>()
  const waiting: ReturnType<typeof recordOf>[] = []
  for (const { event } of doingsOf(bank.tenant, people, { transactions: decided, ...days, mark: 'h' })) {
    lasts.set(event.customer as string, event)
    if (waiting.push(recordOf(event)) === 1000) await load(bank.bus, waiting.splice(0))
  }
  await load(bank.bus, waiting)
  const sent = await sizeOf(bank.bus, tenantTopic(bank.tenant, 'transactions'))
  const drained = await drain(bank, { records: sent, distinct: sent }, watched, 60 + decided / 500)
  if (drained.decided !== sent) throw new Error(`${sent} transactions were sent and ${drained.decided} decided`)
  const times = Math.max(1, Math.ceil((wanted.rows ?? 0) / sent), Math.ceil((wanted.customers ?? 0) / lasts.size))
  say(`${sent} rows of ${lasts.size} customers were decided, ${Math.round(drained.assay)}/s; copying them ${times - 1} times`)
  const began = Date.now()
  const left = leftOf(sent * (times - 1), 'rows copied')
  const copied = await copyRows(bank.database, bank.tenant, times - 1, left)
  return {
    ...{ people, decided: sent, copies: times - 1, customers: lasts.size * times, rows: sent + copied, lasts: [...lasts.values()] },
    copiedPerSecond: copied === 0 ? 0 : Math.round((copied * 1000) / (Date.now() - began)),
  }
}
