/** Plays the simulator into Kafka, as a bank would stream: records with the bank's keys, acknowledged by all replicas. */
import { messageOf } from '../../services/shared/errors.ts'
import { tenantTopic, topics } from '../../services/shared/events.ts'
import type { Bus, Outgoing } from '../../services/shared/kafka/bus.ts'
import { type SimulatedEvent, simulate } from '../simulator/simulate.ts'

export type Play = {
  /** Distinct ids that Kafka has acknowledged, kept only when asked for. */
  acknowledged: Set<string>
  sent: { transactions: number; resends: number; outcomes: number; parties: number; labels: number }
  firstSentAt: number
  stop(): void
  done: Promise<void>
}

export type PlayOptions = {
  bus: Bus
  tenant: string
  seed: number
  transactions: number
  /** Transactions a second on the wall clock; undefined is as fast as it can. */
  rate?: number | undefined
  keepIds: boolean
  onOutage?: (reason: string) => void
}

const batchSize = 500

const toRecord = (e: SimulatedEvent): Outgoing => ({
  topic: tenantTopic(e.event.tenant, e.topic),
  key: (topics[e.topic].key as (event: unknown) => string)(e.event),
  value: JSON.stringify(e.event),
})

/** Begins at once. What Kafka does not take is sent again until it does, since a resend changes nothing. */
export function play(options: PlayOptions): Play {
  const { bus, tenant, seed, transactions, rate } = options
  let stopped = false
  const state: Play = {
    acknowledged: new Set(),
    sent: { transactions: 0, resends: 0, outcomes: 0, parties: 0, labels: 0 },
    firstSentAt: 0,
    stop() {
      stopped = true
    },
    done: Promise.resolve(),
  }
  const send = async (events: readonly SimulatedEvent[]) => {
    const records = events.map(toRecord)
    for (let wait = 100; !stopped; wait = Math.min(5000, wait * 2)) {
      try {
        await bus.send(records)
        break
      } catch (error) {
        options.onOutage?.(messageOf(error))
        await new Promise((resolve) => setTimeout(resolve, wait))
      }
    }
    if (stopped) return
    for (const { topic, resend, event } of events) {
      if (topic === 'transactions' && resend) state.sent.resends++
      else state.sent[topic]++
      if (topic === 'transactions' && options.keepIds) state.acknowledged.add((event as { id: string }).id)
    }
  }
  const run = async () => {
    const most = rate === undefined ? batchSize : Math.max(1, Math.min(batchSize, Math.round(rate / 20)))
    // At a rate the bank has as many customers as spread it over 25 days, however long it is watched.
    const customers = rate === undefined ? {} : { customers: Math.max(500, Math.round(transactions / 27)) }
    let batch: SimulatedEvent[] = []
    for (const event of simulate({ seed, tenant, transactions, ...customers })) {
      if (stopped) return
      if (event.topic === 'transactions' && state.firstSentAt === 0) {
        await send(batch)
        batch = []
        state.firstSentAt = Date.now()
      }
      batch.push(event)
      if (batch.length < (state.firstSentAt === 0 ? batchSize : most)) continue
      await send(batch)
      batch = []
      if (rate === undefined || state.firstSentAt === 0) continue
      const ahead = ((state.sent.transactions + state.sent.resends) / rate) * 1000 - (Date.now() - state.firstSentAt)
      if (ahead > 0) await new Promise((resolve) => setTimeout(resolve, ahead))
    }
    await send(batch)
  }
  state.done = run()
  return state
}
