/** Whoever waits for decisions and alerts: notes when each record came, and reads what it says only when the run is over. */
import { type Alert, type Decision, tenantTopic } from '../../services/shared/events.ts'
import type { Bank } from '../bank.ts'
import { now } from './arrivals.ts'

type Came = { at: number; value: Buffer }
/** By a transaction's id, when its first decision came and whether that says that there is an alert, and when the alert came. */
export type Taken = { decided: Map<string, { at: number; alert: boolean }>; alerted: Map<string, number> }
export type Reader = {
  decisions(): number
  /** When the first decision and the first alert of each id came, of all that were read since the last call. */
  take(): Taken
  stop(): Promise<void>
}

function sumUp(decisions: readonly Came[], alerts: readonly Came[]): Taken {
  const taken: Taken = { decided: new Map(), alerted: new Map() }
  for (const { at, value } of decisions) {
    const { id, alert } = JSON.parse(value.toString()) as Decision
    if (!taken.decided.has(id)) taken.decided.set(id, { at, alert })
  }
  for (const { at, value } of alerts) {
    const { transaction } = JSON.parse(value.toString()) as Alert
    if (!taken.alerted.has(transaction)) taken.alerted.set(transaction, at)
  }
  return taken
}

/** Starts reading from the beginning, where Assay decides unless others do. Nothing is committed, which would cost the broker work that is not Assay's. */
export async function createReader(bank: Bank, decisions = tenantTopic(bank.tenant, 'decisions')): Promise<Reader> {
  const alerts = tenantTopic(bank.tenant, 'alerts')
  let came: Record<string, Came[]> = { [decisions]: [], [alerts]: [] }
  let count = 0
  const consumer = bank.bus.kafka.consumer({ groupId: `${bank.config.group}-latency`, minBytes: 1, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topics: [decisions, alerts], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: 8,
    eachBatch: ({ batch }) => {
      const at = now()
      const list = came[batch.topic]
      for (const { value } of batch.messages) list.push({ at, value: value as Buffer })
      if (batch.topic === decisions) count += batch.messages.length
      return Promise.resolve()
    },
  })
  return {
    decisions: () => count,
    take() {
      const taken = came
      came = { [decisions]: [], [alerts]: [] }
      return sumUp(taken[decisions], taken[alerts])
    },
    stop: () => consumer.disconnect(),
  }
}
