/** What the customers of a simulated bank do: with the same seed and number they are the same people, whatever the time and however much they do. */
import { simulate } from '../../infra/simulator/simulate.ts'
import { type Transaction, tenantTopic, topics } from '../../services/shared/events.ts'
import type { Outgoing } from '../../services/shared/kafka/bus.ts'

export type People = { seed: number; customers: number }

const day = 86_400_000

/**
 * So many distinct transactions from `from` to `to` days ago, in order. `mark` is put before their ids, so that what the same people do at another
 * time has others. Whoever opened an account while the time lasted is among them.
 */
export function* doingsOf(
  tenant: string,
  people: People,
  { transactions, from, to, mark, resends = 0 }: { transactions: number; from: number; to: number; mark: string; resends?: number },
): Generator<{ event: Transaction; resend: boolean }> {
  const start = Date.now() - from * day
  for (const e of simulate({ ...people, tenant, transactions, start, days: from - to, resends })) {
    if (e.topic !== 'transactions') continue
    const { id, originalId } = e.event
    yield {
      event: { ...e.event, id: `${mark}${id}`, ...(originalId === undefined ? {} : { originalId: `${mark}${originalId}` }) },
      resend: e.resend ?? false,
    }
  }
}

/** A transaction as the record of its topic. */
export const recordOf = (event: Transaction): Outgoing => ({
  topic: tenantTopic(event.tenant, 'transactions'),
  key: topics.transactions.key(event),
  value: JSON.stringify(event),
})
