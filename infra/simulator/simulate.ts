/**
 * The simulator: a believable bank, from a seed.
 *
 * Who: customers in twelve European cities with a home, a card, an account, devices, a limit, means and tastes, who pay by the rhythm
 * of day and week, travel now and then, mostly go where they always go, sometimes buy something large, get refunds and move money.
 * Some leave and others open an account: within two months a third are new, and who they are comes when they are.
 * Where: merchants in 18 cities and seven currencies, in fifteen categories with their prices and hours. On the Net, from homes whose address
 * changes and from carriers, offices and private networks that share theirs (`addresses.ts`); thieves come through these, too.
 * Fraud: about one transaction in two hundred, of the nine kinds in `frauds.ts`, each a plan that unfolds over minutes to days.
 * The bank: declines or blocks some. Labels arrive days later (median 5, at most 60): 5 % of fraud is never reported, 2 % of the
 * reports say genuine, and a few honest payments are disputed. 1 % is sent twice, byte for byte: half of it within a minute.
 * What is fraud, and of which kind, stands beside the event and never in it.
 *
 * Times: by itself the stream ends at about now and is as long as the customers' habits make it; `days` and `start` say otherwise,
 * and then habits are pressed into that time. With `live`, times run with the wall clock at a steady rate, what takes a day takes a
 * minute, and frauds unfold twenty times as fast. With the same `seed` and `start` the stream is the same, byte for byte.
 *
 *     for (const { topic, event, fraud } of simulate({ seed: 1, tenant: 'demo', transactions: 20_000 })) …
 */
import type { Label, Outcome, Party, Transaction } from '../../services/shared/events.ts'
import { createAddresses } from './addresses.ts'
import { createAgenda } from './agenda.ts'
import { type FraudKind, fraudKinds, fraudWeights, planFraud, type Strike, strikesPerPlan } from './frauds.ts'
import { iso } from './iso.ts'
import { partiesOf, paymentOf, transferOf } from './messages.ts'
import { type Customer, createCustomer } from './people.ts'
import { createRandom } from './random.ts'
import { buy, nextPayment, type Purchase } from './spending.ts'
import { timetable } from './timetable.ts'
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
  customers?: number | undefined
  merchants?: number
  /** When it begins, in milliseconds; without it, so that it ends shortly before now. */
  start?: number | undefined
  /** Days over which the transactions are spread; by itself, what the customers' habits come to. */
  days?: number | undefined
  /** Share of transactions that is sent twice. */
  resends?: number
  fraudRate?: number
  /** For a stream that is sent as it happens, so many transactions a second from `start` on. */
  live?: { rate: number } | undefined
}

const day = 86_400_000

type Scheduled =
  /** By whoever is the customer in this place then. */
  | { kind: 'payment'; place: number }
  | { kind: 'newcomer'; place: number }
  | { kind: 'campaign' }
  | { kind: 'strike'; strike: Strike; fraud: FraudKind }
  | { kind: 'refund'; of: Transaction; customer: Customer }
  | { kind: 'resend'; event: Transaction }
  | { kind: 'emit'; event: SimulatedEvent }

/** Part of the customers who leave in 60 days or more, each followed by one who opens an account then. */
const turnover = 1 / 3

/** All that happens, in order of arrival: who the customers are first, then transactions, outcomes, labels and newcomers as they come. */
export function* simulate(options: SimulateOptions): Generator<SimulatedEvent> {
  const { seed, tenant, transactions, resends = 0.01, fraudRate = 0.005 } = options
  const random = createRandom(seed)
  const steady = options.live !== undefined
  const wanted = options.live ? Math.max(1000, options.live.rate * 400) : transactions / 12
  const count = options.customers ?? Math.max(60, Math.min(steady ? 20_000 : 50_000, Math.round(wanted)))
  const { merchants, near } = createMerchants(
    random,
    options.merchants ?? Math.max(cities.length * categories.length, Math.round(count / 8)),
  )
  const drawn = Array.from({ length: count }, () => createCustomer(random, 0, near))
  const perDay = drawn.reduce((sum, c) => sum + c.pace, 0)
  const { start, end, haste } = timetable(options, perDay)
  // Watched live, nobody waits for days.
  const aDay = steady ? 60_000 : day
  const unfolding = steady ? 1 / 20 : 1
  const customers = drawn.map((c) => ({ ...c, pace: c.pace * haste, opened: start + c.opened }))
  const addresses = createAddresses(random, count, aDay)
  const world = { random, customers, merchants, near, addresses }
  const agenda = createAgenda<Scheduled>()
  let sum = 0
  const kindWeights = fraudWeights.map((w) => (sum += w))
  const campaignGap = (day * strikesPerPlan) / Math.max(1e-9, perDay * haste * fraudRate)
  let made = 0

  for (const [place, c] of customers.entries()) {
    for (const event of partiesOf(tenant, c)) yield { topic: 'parties', at: start, event }
    agenda.push(nextPayment(random, c, start, steady), { kind: 'payment', place })
    if (!random.chance(turnover)) continue
    const at = start + random.between(0, Math.max(60 * aDay, end - start))
    if (at < end) agenda.push(at, { kind: 'newcomer', place })
  }
  if (fraudRate > 0) agenda.push(start + random.exponential() * campaignGap, { kind: 'campaign' })

  const idOf = () => `t${seed.toString(36)}-${(made++).toString(36)}`
  const payment = (c: Customer, purchase: Purchase, time: number) => paymentOf(random, addresses, tenant, idOf(), c, purchase, time)
  const transfer = (c: Customer, cents: number, time: number) => transferOf(random, addresses, tenant, idOf(), c, cents, time)
  const incoming = (sent: Transaction): Transaction => (random.chance(0.3) ? { ...sent, direction: 'credit' } : sent)
  const later = (event: SimulatedEvent) => {
    if (event.at < end) agenda.push(event.at, { kind: 'emit', event })
  }
  const outcome = (of: Transaction, result: Outcome['result'], time: number) => {
    const at = Math.floor(time)
    const { id, customer } = of as Transaction & { customer: string }
    later({ topic: 'outcomes', at, event: { id: `o-${id}`, tenant, customer, transaction: id, result, happenedAt: iso(at) } })
  }

  /** The transaction itself, and what follows from it later: resends, outcomes, labels, refunds. */
  function* emit(event: Transaction, time: number, fraud: FraudKind | undefined): Generator<SimulatedEvent> {
    yield { topic: 'transactions', at: time, event, ...(fraud ? { fraud } : {}) }
    if (random.chance(resends)) {
      const much = steady ? random.between(1, 15) * 60_000 : random.between(0.05, 0.6) * (end - start)
      const at = Math.min(time + (random.chance(0.5) ? random.between(0.2, 60) * 1000 : much), end - 1)
      agenda.push(Math.max(time + 1, at), { kind: 'resend', event })
    }
    const chance = random.next()
    if (event.direction === 'debit' && chance < (fraud ? 0.15 : 0.018)) outcome(event, 'declined', time + random.between(100, 900))
    else if (fraud && chance < 0.25) outcome(event, 'blocked', time + random.between(0.01, 0.25) * aDay)
    else if (random.chance(0.25)) outcome(event, 'approved', time + random.between(100, 900))
    // Most fraud is reported, days later; some never is, some is judged wrongly, and some honest payments are disputed.
    const disputed = fraud ? random.chance(0.95) : random.chance(0.0004)
    if (!disputed) return
    const at = Math.floor(time + Math.min(60, random.logNormal(5, 0.8)) * aDay)
    const value = fraud && random.chance(0.02) ? 'genuine' : 'fraud'
    const source = random.chance(0.7) ? 'chargeback' : 'customer'
    later({
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
    if (due.kind === 'resend') {
      yield { topic: 'transactions', at: time, event: due.event, resend: true }
      continue
    }
    // Once all have been made, what follows from them still comes.
    if (made >= transactions) continue
    if (due.kind === 'payment') {
      const c = customers[due.place]
      agenda.push(nextPayment(random, c, time, steady), due)
      const moves = random.chance(0.05)
      const event = moves
        ? incoming(transfer(c, Math.max(100, Math.round(random.logNormal(14_000, 1.2) * c.means)), time))
        : payment(c, buy(random, c, merchants, near, time), time)
      if (!moves && random.chance(0.012)) agenda.push(time + random.between(0.1, 8) * aDay, { kind: 'refund', of: event, customer: c })
      yield* emit(event, time, undefined)
    } else if (due.kind === 'newcomer') {
      const drawn = createCustomer(random, time, near)
      const c = { ...drawn, pace: drawn.pace * haste, opened: time }
      customers[due.place] = c
      for (const event of partiesOf(tenant, c)) yield { topic: 'parties', at: time, event }
    } else if (due.kind === 'refund') {
      // Not every till knows which purchase a refund belongs to.
      const originalId = random.chance(0.5) ? { originalId: due.of.id } : {}
      yield* emit({ ...due.of, id: idOf(), kind: 'refund', direction: 'credit', ...originalId, time: iso(time) }, time, undefined)
    } else if (due.kind === 'campaign') {
      agenda.push(time + random.exponential() * campaignGap, due)
      const fraud = fraudKinds[random.weighted(kindWeights)]
      for (const strike of planFraud(fraud, world)) agenda.push(time + strike.after * unfolding, { kind: 'strike', strike, fraud })
    } else {
      const { customer, overrides, purchase, transfer: cents } = due.strike
      const made = purchase ? payment(customer, purchase, time) : transfer(customer, cents ?? 100, time)
      yield* emit({ ...made, ...overrides }, time, due.fraud)
    }
  }
}
