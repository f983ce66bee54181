/**
 * The simulator: a believable bank, from a seed. Customers with a home, cards, devices and habits pay at merchants by the rhythm of
 * day and week; about one transaction in two hundred is fraud of nine kinds that unfold in time; the bank declines some; labels
 * arrive days later and are sometimes wrong; some records are sent twice. What is fraud stands beside the event, never in it.
 */
import type { Label, Outcome, Party, Transaction } from '../../services/shared/events.ts'
import { createAgenda } from './agenda.ts'
import { type FraudKind, fraudKinds, fraudWeights, planFraud, type Strike, strikesPerPlan } from './frauds.ts'
import { type Customer, createCustomer } from './people.ts'
import { createRandom } from './random.ts'
import { buy, nextPayment, type Purchase } from './spending.ts'
import { categories, cities, createMerchants } from './world.ts'

export type SimulatedEvent = { at: number; resend?: true; fraud?: FraudKind } & (
  | { topic: 'transactions'; event: Transaction }
  | { topic: 'outcomes'; event: Outcome }
  | { topic: 'parties'; event: Party }
  | { topic: 'labels'; event: Label }
)

export type SimulateOptions = {
  seed: number
  tenant: string
  /** Distinct transactions. */
  transactions: number
  customers?: number
  merchants?: number
  /** When it begins, in milliseconds; without it, so that it ends shortly before now. */
  start?: number
  /** Days over which the transactions are spread; by itself, what the customers' habits come to. */
  days?: number
  /** Share of transactions that is sent twice. */
  resends?: number
  fraudRate?: number
}

const hour = 3_600_000
const day = 24 * hour
const iso = (time: number) => new Date(time).toISOString()

type Scheduled =
  | { kind: 'payment'; customer: Customer }
  | { kind: 'campaign' }
  | { kind: 'strike'; strike: Strike; fraud: FraudKind }
  | { kind: 'refund'; of: Transaction; customer: Customer }
  | { kind: 'emit'; event: SimulatedEvent }

/** All that happens, in order of arrival: who the customers are first, then transactions, outcomes and labels as they come. */
export function* simulate(options: SimulateOptions): Generator<SimulatedEvent> {
  const { seed, tenant, transactions, resends = 0.01, fraudRate = 0.005 } = options
  const random = createRandom(seed)
  const count = options.customers ?? Math.max(60, Math.min(50_000, Math.round(transactions / 12)))
  const { merchants, near } = createMerchants(
    random,
    options.merchants ?? Math.max(cities.length * categories.length, Math.round(count / 8)),
  )
  const drawn = Array.from({ length: count }, (_, i) => createCustomer(random, i, 0, near))
  const perDay = drawn.reduce((sum, c) => sum + c.pace, 0)
  const days = options.days ?? (transactions / perDay) * 1.05
  // Habits are stretched or compressed to the days that are asked for.
  const haste = options.days === undefined ? 1 : transactions / perDay / options.days
  const start = options.start ?? Math.floor(Date.now() - days * 1.04 * day - hour)
  const customers = drawn.map((c) => ({ ...c, pace: c.pace * haste, opened: start + c.opened }))
  const world = { random, customers, merchants, near }
  const agenda = createAgenda<Scheduled>()
  let sum = 0
  const kindWeights = fraudWeights.map((w) => (sum += w))
  const campaignGap = (days * day) / Math.max(1e-9, (transactions * fraudRate) / strikesPerPlan)
  const end = start + days * 1.04 * day
  let made = 0

  for (const c of customers) {
    const { country, zone } = cities[c.city]
    const validFrom = iso(c.opened)
    yield {
      topic: 'parties',
      at: start,
      event: {
        tenant,
        customer: c.id,
        validFrom,
        home: { lat: c.lat, lon: c.lon },
        country,
        zone,
        opened: validFrom,
        limit: c.limit,
        currency: 'EUR',
      },
    }
    for (const [instrument, type] of [
      [c.card, 'card'],
      [c.account, 'account'],
    ] as const)
      yield { topic: 'parties', at: start, event: { tenant, customer: c.id, instrument, type, validFrom, opened: validFrom } }
    agenda.push(nextPayment(random, c, start), { kind: 'payment', customer: c })
  }
  if (fraudRate > 0) agenda.push(start + random.exponential() * campaignGap, { kind: 'campaign' })

  const idOf = () => `t${seed.toString(36)}-${(made++).toString(36)}`
  const atMerchant = (c: Customer, { merchant, amount, channel }: Purchase, time: number): Transaction => {
    const { country, currency } = cities[merchant.city]
    const remote = channel === 'ecommerce'
    const entryMode = remote ? 'ecommerce' : channel === 'atm' ? 'chip' : random.chance(0.75) ? 'contactless' : 'chip'
    return {
      id: idOf(),
      tenant,
      kind: 'authorization',
      instrument: c.card,
      last4: c.last4,
      customer: c.id,
      direction: 'debit',
      counterparty: merchant.id,
      counterpartyName: merchant.name,
      category: categories[merchant.category].code,
      amount,
      currency,
      time: iso(time),
      entryMode,
      channel,
      ...(remote
        ? { device: random.chance(0.06) ? `d${random.int(2 ** 30).toString(36)}` : random.pick(c.devices), ip: c.ip }
        : { place: { lat: merchant.lat, lon: merchant.lon } }),
      country,
    }
  }
  const transfer = (c: Customer, cents: number, time: number): Transaction => ({
    id: idOf(),
    tenant,
    kind: 'transfer',
    instrument: c.account,
    customer: c.id,
    direction: 'debit',
    counterparty: `acct-${(random.int(4) + 4 * c.limit).toString(36)}`,
    amount: cents,
    currency: 'EUR',
    time: iso(time),
    channel: random.chance(0.7) ? 'mobile' : 'online',
    device: random.pick(c.devices),
    ip: c.ip,
    country: cities[c.city].country,
  })

  /** The transaction itself, and what follows from it later: resends, outcomes, labels, refunds. */
  function* emit(event: Transaction, time: number, fraud: FraudKind | undefined): Generator<SimulatedEvent> {
    yield { topic: 'transactions', at: time, event, ...(fraud ? { fraud } : {}) }
    const later = (at: number, e: SimulatedEvent) => at < end && agenda.push(at, { kind: 'emit', event: { ...e, at } })
    if (random.chance(resends)) {
      const at = time + (random.chance(0.5) ? random.between(0.2, 60) * 1000 : random.between(0.05, 0.6) * days * day)
      later(Math.min(at, end - 1), { topic: 'transactions', at, event, resend: true })
    }
    const customer = event.customer as string
    const outcome = (result: Outcome['result'], after: number) => {
      const at = Math.floor(time + after)
      later(at, {
        topic: 'outcomes',
        at,
        event: { id: `o-${event.id}`, tenant, customer, transaction: event.id, result, happenedAt: iso(at) },
      })
    }
    if (event.direction === 'debit' && random.chance(fraud ? 0.15 : 0.018)) outcome('declined', random.between(100, 900))
    else if (fraud && random.chance(0.1)) outcome('blocked', random.between(0.2, 6) * hour)
    else if (random.chance(0.25)) outcome('approved', random.between(100, 900))
    // Most fraud is reported, days later; some never is, some is judged wrongly, and some honest payments are disputed.
    const disputed = fraud ? random.chance(0.95) : random.chance(0.0004)
    if (!disputed) return
    const at = Math.floor(time + Math.min(60, random.logNormal(5, 0.8)) * day)
    const value = fraud && random.chance(0.02) ? 'genuine' : 'fraud'
    const source = random.chance(0.7) ? 'chargeback' : 'customer'
    later(at, {
      topic: 'labels',
      at,
      event: { id: `l-${event.id}`, tenant, transaction: event.id, value, source, happenedAt: iso(time), knownAt: iso(at) },
    })
  }

  while (agenda.size() > 0) {
    const time = Math.floor(agenda.peek())
    const due = agenda.pop()
    if (due.kind === 'emit') {
      yield due.event
      continue
    }
    // Once all have been made, what follows from them still comes.
    if (made >= transactions) continue
    if (due.kind === 'payment') {
      const c = due.customer
      agenda.push(nextPayment(random, c, time), due)
      const moves = random.chance(0.05)
      const event = moves
        ? transfer(c, Math.max(100, Math.round(random.logNormal(12_000, 1.1) * c.means)), time)
        : atMerchant(c, buy(random, c, merchants, near, time), time)
      if (!moves && random.chance(0.012)) agenda.push(time + random.between(0.1, 8) * day, { kind: 'refund', of: event, customer: c })
      yield* emit(event, time, undefined)
    } else if (due.kind === 'refund') {
      yield* emit({ ...due.of, id: idOf(), kind: 'refund', direction: 'credit', originalId: due.of.id, time: iso(time) }, time, undefined)
    } else if (due.kind === 'campaign') {
      agenda.push(time + random.exponential() * campaignGap, due)
      const fraud = fraudKinds[random.weighted(kindWeights)]
      for (const strike of planFraud(fraud, world)) agenda.push(time + strike.after, { kind: 'strike', strike, fraud })
    } else {
      const { customer, overrides, purchase, transfer: cents } = due.strike
      const made = purchase ? atMerchant(customer, purchase, time) : transfer(customer, cents ?? 100, time)
      yield* emit({ ...made, ...overrides }, time, due.fraud)
    }
  }
}
