/** The load, and the independent record of what was sent: kept by whoever sends, never read back from Assay. */
import { type SimulatedEvent, simulate } from '../infra/simulator/simulate.ts'
import { messageOf } from '../services/shared/errors.ts'
import { customerOf, type Party, tenantTopic, topics } from '../services/shared/events.ts'
import type { Bus, Outgoing } from '../services/shared/kafka/bus.ts'
import { poison } from './poison.ts'

/** What was acknowledged, by id; parties by whom and since when, poison by a token that stands in its bytes. */
export type Sent = {
  transactions: Set<string>
  outcomes: Set<string>
  labels: Set<string>
  parties: Set<string>
  poison: Set<string>
  /** Transactions, outcomes, labels and parties that were sent again. */
  resends: number
  /** Transactions that came after a later one of their customer. */
  outOfOrder: number
}

type Options = {
  bus: Bus
  tenant: string
  gateway: string
  key: string
  seed: number
  transactions: number
  /** Transactions a second, from the moment on when the first ones are decided. */
  rate: number
  firstDecided: Promise<void>
  random: () => number
}

export type Load = {
  sent: Sent
  /** Rejects when something is not taken for minutes. */
  done: Promise<void>
  /** Sends what is left without a pause. */
  hurry(): void
  stop(): void
}

const chunk = 50
/** Milliseconds after which what is still not acknowledged ends the run. */
const patience = 180_000
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Names a party's version: one row in `customers` or `instruments`. */
export const partyKey = (p: Pick<Party, 'customer' | 'instrument'>, validFrom: number): string =>
  `${p.instrument === undefined ? `customer ${p.customer}` : `instrument ${p.instrument}`} ${validFrom}`

const keyOf = (e: SimulatedEvent): string => (e.topic === 'parties' ? partyKey(e.event, Date.parse(e.event.validFrom)) : e.event.id)

/**
 * Sends a simulated bank's events: most straight to Kafka, some through the gateway, 3 % twice, 2 % late and out of order, a poison
 * among two hundred. What is not acknowledged is sent again until it is.
 */
export function startLoad(options: Options): Load {
  const { bus, tenant, random } = options
  const sent: Sent = {
    transactions: new Set(),
    outcomes: new Set(),
    labels: new Set(),
    parties: new Set(),
    poison: new Set(),
    resends: 0,
    outOfOrder: 0,
  }
  const newest = new Map<string, number>()
  let stopped = false
  let hurried = false

  const insist = async (work: () => Promise<void>) => {
    const deadline = Date.now() + patience
    for (let wait = 100; !stopped; wait = Math.min(2000, wait * 2)) {
      try {
        return await work()
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`the load was not taken for ${patience / 1000} s: ${messageOf(error)}`, { cause: error })
        await pause(wait)
      }
    }
  }
  const viaKafka = (events: readonly SimulatedEvent[], extra: readonly Outgoing[]) =>
    bus.send([
      ...events.map((e) => ({
        topic: tenantTopic(tenant, e.topic),
        key: (topics[e.topic].key as (x: unknown) => string)(e.event),
        value: JSON.stringify(e.event),
      })),
      ...extra,
    ])
  const viaGateway = async (events: readonly SimulatedEvent[]) => {
    const body = JSON.stringify(events.map(({ event: { tenant: _tenant, ...event } }) => event))
    const answer = await fetch(`${options.gateway}/v1/transactions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${options.key}`, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(20_000),
    })
    if (answer.status !== 202) throw new Error(`the gateway said ${answer.status}: ${(await answer.text()).slice(0, 300)}`)
  }
  const note = (events: readonly SimulatedEvent[]) => {
    for (const e of events) {
      const key = keyOf(e)
      if (sent[e.topic].has(key)) sent.resends++
      else if (e.topic === 'transactions') {
        const customer = customerOf(e.event)
        const time = Date.parse(e.event.time)
        const latest = newest.get(customer) ?? 0
        if (time < latest) sent.outOfOrder++
        else newest.set(customer, time)
      }
      sent[e.topic].add(key)
    }
  }
  const run = async () => {
    let began: number | undefined
    /** By customer, until the customer's next one has gone. */
    const late = new Map<string, SimulatedEvent>()
    let again: SimulatedEvent[] = []
    let batch: SimulatedEvent[] = []
    let poisoned = 0
    const flush = async () => {
      const events = batch
      batch = []
      const extra: Outgoing[] = []
      const tokens: string[] = []
      if (random() < chunk / 200) {
        const token = `poison-${options.seed}-${poisoned}`
        tokens.push(token)
        extra.push({ topic: tenantTopic(tenant, 'transactions'), key: `${tenant}:${token}`, value: poison(tenant, token, poisoned++) })
      }
      if (events.every((e) => e.topic === 'transactions') && extra.length === 0 && random() < 0.3) await insist(() => viaGateway(events))
      else await insist(() => viaKafka(events, extra))
      if (stopped) return
      note(events)
      for (const token of tokens) sent.poison.add(token)
      if (sent.transactions.size === 0) return
      if (began === undefined) await options.firstDecided
      began ??= Date.now()
      const ahead = (sent.transactions.size / options.rate) * 1000 - (Date.now() - began)
      if (ahead > 0 && !hurried) await pause(ahead)
    }
    for (const event of simulate({ seed: options.seed, tenant, transactions: options.transactions, resends: 0.03 })) {
      if (stopped) return
      if (event.topic === 'transactions') {
        const customer = customerOf(event.event)
        const earlier = late.get(customer)
        if (!earlier && random() < 0.02) {
          late.set(customer, event)
          continue
        }
        batch.push(event)
        if (earlier) batch.push(earlier)
        late.delete(customer)
      } else {
        // The simulator sends transactions again; the rest is done here.
        batch.push(event)
        if (random() < 0.03) again.push(event)
      }
      if (random() < 0.01) {
        batch.push(...again)
        again = []
      }
      if (batch.length >= chunk) await flush()
    }
    batch.push(...late.values(), ...again)
    while (batch.length > 0 && !stopped) await flush()
  }
  const done = run()
  done.catch(() => undefined)
  return {
    sent,
    done,
    hurry() {
      hurried = true
    },
    stop() {
      stopped = true
    },
  }
}
