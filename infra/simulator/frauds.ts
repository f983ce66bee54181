/** Nine kinds of fraud, each a plan that unfolds in time: who is hit, and what then happens when, for how much and how. */
import type { Transaction } from '../../services/shared/events.ts'
import type { Addresses } from './addresses.ts'
import { type Customer, device } from './people.ts'
import type { Random } from './random.ts'
import { type Purchase, purchaseAt } from './spending.ts'
import { categories, cities, kindsOf, type Merchant, resold } from './world.ts'

export const fraudKinds = [
  'card_testing',
  'takeover',
  'lost_or_stolen',
  'merchant_breach',
  'bust_out',
  'mule_network',
  'refund_abuse',
  'friendly_fraud',
  'skimming',
] as const
export type FraudKind = (typeof fraudKinds)[number]

/** How often each kind begins, against the others. */
export const fraudWeights = [3, 3, 4, 3, 1.2, 0.8, 1.2, 6, 2]

/** One transaction of a plan, `after` milliseconds from its beginning. */
export type Strike = {
  after: number
  customer: Customer
  overrides: Partial<Transaction>
  purchase?: Purchase
  /** Money moved between accounts, in euro cents. */
  transfer?: number
}

type World = {
  random: Random
  customers: readonly Customer[]
  merchants: readonly Merchant[]
  near: readonly number[][][]
  addresses: Addresses
}

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

const online = categories.flatMap((c, i) => (c.channel === 'ecommerce' ? [i] : []))
const everyday = kindsOf(['5411', '5541', '5732', '5651', '5912'])
const cash = kindsOf(['6011'])

const merchantOf = (w: World, kinds: readonly number[], cityIndex: number): Merchant =>
  w.merchants[w.random.pick(w.near[cityIndex][w.random.pick(kinds)])]
const anyCity = (w: World) => w.random.int(cities.length)
const stranger = (w: World, city: number): Partial<Transaction> => ({ device: device(w.random), ip: w.addresses.thief(city) })

/** Amounts that thieves ask for lie within what the customer might spend, at its upper end. */
const sizeable = (w: World, c: Customer, median: number) => w.random.logNormal(median, 0.6) * Math.sqrt(c.means)

const plans: Record<FraudKind, (w: World) => Strike[]> = {
  /** Stolen numbers are tried with small sums at one shop; those that work are used later. */
  card_testing(w) {
    const shop = merchantOf(w, online, anyCity(w))
    const thief = stranger(w, anyCity(w))
    return Array.from({ length: 2 + w.random.int(4) }, () => w.random.pick(w.customers)).flatMap((customer, i) => {
      const at = i * w.random.between(1, 6) * minute
      const strikes: Strike[] = [{ after: at, customer, overrides: thief, purchase: purchaseAt(w.random, shop, w.random.between(0.6, 4)) }]
      if (w.random.chance(0.6)) {
        const later = merchantOf(w, online, anyCity(w))
        strikes.push({
          after: at + w.random.between(0.5, 30) * hour,
          customer,
          overrides: w.random.chance(0.5) ? thief : { ...thief, ip: w.addresses.thief(customer.city) },
          purchase: purchaseAt(w.random, later, sizeable(w, customer, 130)),
        })
      }
      return strikes
    })
  },
  /** Somebody logs in with a new device, or steers the customer's own from afar, and sends money to accounts that the customer never paid. */
  takeover(w) {
    const customer = w.random.pick(w.customers)
    const thief = w.random.chance(0.15) ? {} : stranger(w, customer.city)
    const payee = `acct-${w.random.int(2 ** 30).toString(36)}`
    return Array.from({ length: 1 + w.random.int(4) }, (_, i) => ({
      after: i * w.random.between(2, 40) * minute,
      customer,
      overrides: { ...thief, channel: 'mobile', counterparty: i < 2 ? payee : `acct-${w.random.int(2 ** 30).toString(36)}` },
      transfer: Math.round(sizeable(w, customer, 520)) * 100,
    }))
  },
  /** A found card is used near its owner's home, contactless and quickly, until it is blocked. */
  lost_or_stolen(w) {
    const customer = w.random.pick(w.customers)
    return Array.from({ length: 2 + w.random.int(5) }, (_, i) => ({
      after: i * w.random.between(6, 70) * minute,
      customer,
      overrides: { entryMode: 'contactless' },
      purchase: purchaseAt(w.random, merchantOf(w, w.random.chance(0.15) ? cash : everyday, customer.city), sizeable(w, customer, 46)),
    }))
  },
  /** A shop's card numbers were copied; weeks later they are used elsewhere on the Net. */
  merchant_breach(w) {
    const buyers = Array.from({ length: 4 + w.random.int(8) }, () => w.random.pick(w.customers))
    return buyers.map((customer) => ({
      after: w.random.between(0, 6) * day,
      customer,
      overrides: w.random.chance(0.7) ? stranger(w, customer.city) : { ip: w.addresses.thief(customer.city) },
      purchase: {
        ...purchaseAt(w.random, merchantOf(w, w.random.chance(0.7) ? online : resold, anyCity(w)), sizeable(w, customer, 85)),
        channel: 'ecommerce' as const,
      },
    }))
  },
  /** A customer who never meant to pay spends the whole limit within days, at shops whose goods are easily sold. */
  bust_out(w) {
    const customer = w.random.pick(w.customers)
    return Array.from({ length: 6 + w.random.int(9) }, (_, i) => ({
      after: i * w.random.between(1, 9) * hour,
      customer,
      overrides: {},
      purchase: purchaseAt(w.random, merchantOf(w, resold, customer.city), (customer.limit / 100) * w.random.between(0.03, 0.14)),
    }))
  },
  /** Stolen money comes in and leaves again within hours, over several accounts in a row. */
  mule_network(w) {
    const chain = Array.from({ length: 2 + w.random.int(3) }, () => w.random.pick(w.customers))
    const sum = Math.round(w.random.logNormal(900, 0.5)) * 100
    return chain.flatMap((customer, i) => {
      const at = i * w.random.between(2, 9) * hour
      const next = chain[i + 1]?.account ?? `acct-${w.random.int(2 ** 30).toString(36)}`
      const from = i === 0 ? `acct-${w.random.int(2 ** 30).toString(36)}` : chain[i - 1].account
      return [
        { after: at, customer, overrides: { direction: 'credit' as const, counterparty: from, channel: 'online' as const }, transfer: sum },
        {
          after: at + w.random.between(5, 180) * minute,
          customer,
          overrides: { counterparty: next, channel: 'mobile' as const },
          transfer: Math.round(sum * w.random.between(0.85, 0.97)),
        },
      ]
    })
  },
  /** Refunds without purchases, by somebody at the till. */
  refund_abuse(w) {
    const customer = w.random.pick(w.customers)
    const shop = merchantOf(w, everyday, customer.city)
    return Array.from({ length: 2 + w.random.int(4) }, (_, i) => ({
      after: i * w.random.between(4, 40) * hour,
      customer,
      overrides: { kind: 'refund' as const, direction: 'credit' as const },
      purchase: purchaseAt(w.random, shop, sizeable(w, customer, 60)),
    }))
  },
  /** An ordinary purchase on the Net that the customer later disputes: little about it tells. */
  friendly_fraud(w) {
    const customer = w.random.pick(w.customers)
    return [
      {
        after: 0,
        customer,
        overrides: {},
        purchase: purchaseAt(w.random, merchantOf(w, online, customer.city), sizeable(w, customer, 62)),
      },
    ]
  },
  /** A copied magnetic stripe at cash machines abroad. */
  skimming(w) {
    const customer = w.random.pick(w.customers)
    const far = anyCity(w)
    return Array.from({ length: 1 + w.random.int(4) }, (_, i) => ({
      after: i * w.random.between(1, 12) * minute,
      customer,
      overrides: { entryMode: 'magstripe' as const },
      purchase: purchaseAt(w.random, merchantOf(w, cash, far), sizeable(w, customer, 150)),
    }))
  },
}

/** Transactions of an average plan, by which campaigns are made as frequent as the wanted share of frauds needs. */
export const strikesPerPlan = (() => {
  const sizes: Record<FraudKind, number> = {
    card_testing: 5.6,
    takeover: 2.5,
    lost_or_stolen: 4,
    merchant_breach: 7.5,
    bust_out: 10,
    mule_network: 6,
    refund_abuse: 3.5,
    friendly_fraud: 1,
    skimming: 2.5,
  }
  const total = fraudWeights.reduce((a, b) => a + b)
  return fraudKinds.reduce((sum, kind, i) => sum + (sizes[kind] * fraudWeights[i]) / total, 0)
})()

/** A plan of this kind, as strikes in no particular order. */
export const planFraud = (kind: FraudKind, world: World): Strike[] => plans[kind](world)
