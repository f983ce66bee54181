/** What a customer's history keeps of a transaction: numbers and hashes, so that 100 of them take less than 3 kB. */
import { channels, type Transaction } from '../../services/shared/events.ts'

export type Entry = {
  /** Milliseconds since 1970. */
  time: number
  /** Minor units of the base currency, an integer of 24 significant bits. */
  amount: number
  /** 32-bit hash. */
  id: number
  /** Hashes of counterparty (20 bits) and instrument (12 bits); 0 stands for no counterparty. */
  counterparty: number
  instrument: number
  /** 16-bit hashes; 0 stands for none. Few occur in one history, so that two hardly ever meet. */
  device: number
  category: number
  /** Latitude and longitude in 16 bits each; 0 stands for none. */
  place: number
  /** Country (10 bits) and channel (4 bits), 0 for none, and the flags below, but for those that depend on the customer's zone. */
  facts: number
  transfer: boolean
  ip: boolean
}

/** Places of what `facts` holds. The lowest 10 bits are left to the milliseconds of the time. */
export const factBits = {
  country: 10,
  channel: 20,
  /** A debit that moves money. */
  payment: 1 << 24,
  refund: 1 << 25,
  declined: 1 << 26,
  /** By the zone of the home. */
  night: 1 << 27,
  weekend: 1 << 28,
  /** Card not present, or a transfer from afar. */
  remote: 1 << 29,
  credit: 1 << 30,
  cash: 1 << 31,
} as const

/** 32-bit FNV-1a over the characters, then mixed so that its upper and lower half can be used alone. Never 0. */
export function hashOf(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0 || 1
}

/** The upper `bits` of the hash; 0 for no text. */
const shortHash = (text: string | undefined, bits: number): number => (text === undefined ? 0 : hashOf(text) >>> (32 - bits) || 1)

/** A place in 32 bits: to 0.003 degrees of latitude and 0.006 of longitude. */
export function packPlace(lat: number, lon: number): number {
  const a = Math.round(((lat + 90) / 180) * 65_534) + 1
  const b = Math.round(((lon + 180) / 360) * 65_535)
  return ((a << 16) | b) >>> 0
}
export const latOf = (place: number): number => (((place >>> 16) - 1) / 65_534) * 180 - 90
export const lonOf = (place: number): number => ((place & 0xffff) / 65_535) * 360 - 180

const countryCode = (c: string | undefined): number => (c === undefined ? 0 : (c.charCodeAt(0) - 65) * 26 + c.charCodeAt(1) - 64)
const remote = new Set<string | undefined>(['ecommerce', 'moto', 'mobile', 'online'])
const keyed = new Set<string | undefined>(['manual', 'ecommerce', 'recurring'])

/**
 * The entry of a transaction. `baseAmount` is in minor units of the tenant's base currency, `time` in milliseconds since 1970. A pure
 * function of the three, so that an entry that is made from a recorded row is the one that was scored.
 */
export function entryOf(transaction: Transaction, baseAmount: number, time: number): Entry {
  const { kind, direction, channel, place } = transaction
  const credit = direction === 'credit'
  const moves = kind === 'authorization' || kind === 'transfer' || (kind === 'capture' && transaction.originalId === undefined)
  let facts =
    (countryCode(transaction.country) << factBits.country) |
    ((channel === undefined ? 0 : channels.indexOf(channel) + 1) << factBits.channel)
  if (moves && !credit) facts |= factBits.payment
  if (kind === 'refund' || kind === 'reversal') facts |= factBits.refund
  if (transaction.response === 'declined') facts |= factBits.declined
  if (remote.has(channel) || keyed.has(transaction.entryMode)) facts |= factBits.remote
  if (credit) facts |= factBits.credit
  if (channel === 'atm') facts |= factBits.cash
  return {
    time,
    amount: Math.fround(baseAmount),
    id: hashOf(transaction.id),
    counterparty: shortHash(transaction.counterparty, 20),
    instrument: shortHash(transaction.instrument, 12),
    device: shortHash(transaction.device, 16),
    category: shortHash(transaction.category, 16),
    place: place === undefined ? 0 : packPlace(place.lat, place.lon),
    facts,
    transfer: kind === 'transfer',
    ip: transaction.ip !== undefined,
  }
}
