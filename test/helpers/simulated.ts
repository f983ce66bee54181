/** A small simulated bank as records for Kafka. */
import { simulate } from '../../infra/simulator/simulate.ts'
import { tenantTopic, topics } from '../../services/shared/events.ts'
import type { Outgoing } from '../../services/shared/kafka/bus.ts'
import type { Bank } from './bank.ts'

/** Its records of forty days, which end about now, in the order of the stream but for some that come late. */
export function simulated(tenant: string, transactions: number): Outgoing[] {
  const records: Outgoing[] = []
  for (const { topic, event, at } of simulate({ seed: 12, tenant, transactions, customers: 60, days: 40 })) {
    records.push({
      topic: tenantTopic(tenant, topic),
      key: (topics[topic].key as (e: unknown) => string)(event),
      value: JSON.stringify(event),
      timestamp: at,
    })
  }
  for (let i = 7; i + 40 < records.length; i += 11) records.splice(i + 40, 0, ...records.splice(i, 1))
  return records
}

export const sendAll = async (b: Bank, records: Outgoing[]): Promise<void> => {
  for (let i = 0; i < records.length; i += 200) await b.bus.send(records.slice(i, i + 200))
}
