/** What customers and their doings look like as a bank would send them. */
import type { Party, Transaction } from '../../services/shared/events.ts'
import type { Addresses } from './addresses.ts'
import { iso } from './iso.ts'
import type { Customer } from './people.ts'
import type { Random } from './random.ts'
import type { Purchase } from './spending.ts'
import { categories, cities } from './world.ts'

/** The customer, the card and the account. */
export function partiesOf(tenant: string, c: Customer): Party[] {
  const { country, zone } = cities[c.city]
  const [customer, opened] = [c.id, iso(c.opened)]
  const since = { validFrom: opened, opened }
  return [
    {
      tenant,
      customer,
      validFrom: opened,
      home: { lat: c.lat, lon: c.lon },
      country,
      zone,
      opened,
      limit: c.limit,
      currency: 'EUR',
    },
    { tenant, customer, instrument: c.card, type: 'card', ...since },
    { tenant, customer, instrument: c.account, type: 'account', ...since },
  ]
}

const elsewhere = (random: Random) => `acct-${random.int(2 ** 30).toString(36)}`

function entryModeOf(random: Random, channel: Purchase['channel']): Transaction['entryMode'] & string {
  if (channel === 'ecommerce') return 'ecommerce'
  if (random.chance(0.03)) return 'magstripe'
  return channel === 'atm' || !random.chance(0.75) ? 'chip' : 'contactless'
}

/** A payment by card. */
export function paymentOf(
  random: Random,
  addresses: Addresses,
  tenant: string,
  id: string,
  c: Customer,
  { merchant, amount, channel }: Purchase,
  time: number,
): Transaction {
  const { country, currency } = cities[merchant.city]
  return {
    id,
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
    entryMode: entryModeOf(random, channel),
    channel,
    ...(channel === 'ecommerce'
      ? {
          device: random.chance(0.06) ? `d${random.int(2 ** 30).toString(36)}` : random.pick(c.devices),
          ip: addresses.of(c, time, random.chance(0.45)),
        }
      : { place: { lat: merchant.lat, lon: merchant.lon } }),
    country,
  }
}

/** Money from account to account, in euro cents: mostly to where the customer has sent some before. */
export function transferOf(
  random: Random,
  addresses: Addresses,
  tenant: string,
  id: string,
  c: Customer,
  cents: number,
  time: number,
): Transaction {
  const phone = random.chance(0.7)
  return {
    id,
    tenant,
    kind: 'transfer',
    instrument: c.account,
    customer: c.id,
    direction: 'debit',
    counterparty: random.chance(0.15) ? elsewhere(random) : `${c.account}-${random.int(4)}`,
    amount: cents,
    currency: 'EUR',
    time: iso(time),
    channel: phone ? 'mobile' : 'online',
    device: random.pick(c.devices),
    ip: addresses.of(c, time, phone),
    country: cities[c.city].country,
  }
}
