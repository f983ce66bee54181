/** The load, and the independent record of what was sent: kept by whoever sends, never read back from Assay. */
import { simulate } from '../infra/simulator/simulate.ts'
import type { Bus, Outgoing } from '../services/shared/bus.ts'
import { tenantTopic, topics } from '../services/shared/events.ts'

/** What was acknowledged, by id. A poison is known by a token that stands in its bytes. */
export type Sent = {
  transactions: Set<string>
  outcomes: Set<string>
  labels: Set<string>
  parties: number
  poison: Set<string>
  resends: number
}

type Options = {
  bus: Bus
  tenant: string
  gateway: string
  key: string
  seed: number
  transactions: number
  /** Transactions a second. */
  rate: number
  random: () => number
}

export type Load = { sent: Sent; done: Promise<void>; stop(): void }

const chunk = 50
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Bytes that no detector can take: not JSON, not UTF-8, a wrong type, a stranger's tenant, an absurd amount, a card number. */
function poison(tenant: string, token: string, kind: number): Buffer {
  const good = {
    id: token,
    tenant,
    instrument: `token_${token}`,
    kind: 'authorization',
    direction: 'debit',
    amount: 100,
    currency: 'EUR',
    time: new Date().toISOString(),
  }
  const json = (changes: object) => Buffer.from(JSON.stringify({ ...good, ...changes }))
  const kinds = [
    () => Buffer.from(`{"id": "${token}", `),
    () => Buffer.concat([Buffer.from(token), Buffer.from([0xff, 0xfe])]),
    () => json({ amount: 'much' }),
    () => json({ tenant: 'somebody-else' }),
    () => json({ amount: Number.MAX_SAFE_INTEGER }),
    () => json({ instrument: '4111111111111111', extra: { token } }),
    () => json({ time: '2001-01-01T00:00:00Z' }),
  ]
  return kinds[kind % kinds.length]()
}

/**
 * Sends a simulated bank's events: most straight to Kafka, some through the gateway, 3 % twice, some late and out of order, a poison
 * among two hundred. What is not acknowledged is sent again until it is.
 */
export function startLoad(options: Options): Load {
  const { bus, tenant, random } = options
  const sent: Sent = { transactions: new Set(), outcomes: new Set(), labels: new Set(), parties: 0, poison: new Set(), resends: 0 }
  let stopped = false
  const insist = async (work: () => Promise<void>) => {
    for (let wait = 100; !stopped; wait = Math.min(2000, wait * 2)) {
      try {
        return await work()
      } catch {
        await pause(wait)
      }
    }
  }
  type Event = ReturnType<typeof simulate> extends Iterable<infer E> ? E : never
  const viaKafka = (events: readonly Event[], extra: readonly Outgoing[]) =>
    bus.send([
      ...events.map((e) => ({
        topic: tenantTopic(tenant, e.topic),
        key: (topics[e.topic].key as (x: unknown) => string)(e.event),
        value: JSON.stringify(e.event),
      })),
      ...extra,
    ])
  const viaGateway = async (events: readonly Event[]) => {
    const body = JSON.stringify(events.map(({ event: { tenant: _tenant, ...event } }) => event))
    const answer = await fetch(`${options.gateway}/v1/transactions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${options.key}`, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(20_000),
    })
    if (answer.status !== 202) throw new Error(`the gateway said ${answer.status}: ${(await answer.text()).slice(0, 300)}`)
  }
  const note = (events: readonly Event[]) => {
    for (const e of events) {
      if (e.topic === 'transactions') {
        if (sent.transactions.has(e.event.id)) sent.resends++
        sent.transactions.add(e.event.id)
      } else if (e.topic === 'parties') sent.parties++
      else sent[e.topic].add(e.event.id)
    }
  }
  const run = async () => {
    const began = Date.now()
    let held: Event[] = []
    let batch: Event[] = []
    let poisoned = 0
    const flush = async () => {
      const events = batch
      batch = []
      const extra: Outgoing[] = []
      const tokens: string[] = []
      if (random() < 0.25) {
        const token = `poison-${options.seed}-${poisoned}`
        tokens.push(token)
        extra.push({ topic: tenantTopic(tenant, 'transactions'), key: `${tenant}:${token}`, value: poison(tenant, token, poisoned++) })
      }
      if (events.every((e) => e.topic === 'transactions') && extra.length === 0 && random() < 0.3) await insist(() => viaGateway(events))
      else await insist(() => viaKafka(events, extra))
      if (stopped) return
      note(events)
      for (const token of tokens) sent.poison.add(token)
      const ahead = (sent.transactions.size / options.rate) * 1000 - (Date.now() - began)
      if (ahead > 0) await pause(ahead)
    }
    for (const event of simulate({ seed: options.seed, tenant, transactions: options.transactions, resends: 0.03 })) {
      if (stopped) return
      // Some come late, after others of the same customer.
      if (event.topic === 'transactions' && random() < 0.02) held.push(event)
      else batch.push(event)
      if (held.length > 0 && random() < 0.01) {
        batch.push(...held)
        held = []
      }
      if (batch.length >= chunk) await flush()
    }
    batch.push(...held)
    while (batch.length > 0 && !stopped) await flush()
  }
  return {
    sent,
    done: run(),
    stop() {
      stopped = true
    },
  }
}
