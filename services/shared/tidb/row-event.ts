/**
 * A transaction's event as its row keeps it: the values alone, as a JSON array, since names would be half of it. What columns of the row hold
 * is not in it again, nor is what is missing at its end. Rows of earlier versions hold the event as the bank sent it, a JSON object.
 */
import { channels, directions, entryModes, kinds, responses, type Transaction } from '../events.ts'

/** Bank, customer and id of the row, its time in milliseconds since 1970, and the bytes of its event. */
export type EventRow = { tenant: string; customer: string; id: string; time: number; event: Buffer }

/** How the event writes its time, where not as text: with milliseconds and Z, or without them. */
const times = { milliseconds: 0, seconds: 1 } as const

/** Whether `toISOString` gives the text back for sure: a 30th of February and an hour of 24 are read as other times. */
const isPlain = (text: string): boolean =>
  text.length === 24 && text.endsWith('Z') && text.slice(8, 10) <= '28' && text.slice(11, 13) < '24'

function timeForm(text: string, time: number): string | number {
  if (isPlain(text)) return times.milliseconds
  const iso = new Date(time).toISOString()
  if (text === iso) return times.milliseconds
  return text.length === 20 && text.startsWith(iso.slice(0, 19)) && text.endsWith('Z') && iso.endsWith('.000Z') ? times.seconds : text
}

function timeText(form: string | number, time: number): string {
  if (typeof form === 'string') return form
  const iso = new Date(time).toISOString()
  return form === times.seconds ? `${iso.slice(0, 19)}Z` : iso
}

/** One of `names` by its number, from 1 on; 0 is none. Names are added to lists at their end, so that numbers in rows stay true. */
const numberOf = <T>(names: readonly T[], name: T | undefined): number => (name === undefined ? 0 : names.indexOf(name) + 1)

/** The text that the row of a transaction keeps; `time` is its time in milliseconds since 1970. Missing fields are 0, which none is otherwise. */
export function encodeEvent(t: Transaction, time: number): string {
  const { place } = t
  const values = [
    t.instrument,
    t.amount,
    t.currency,
    numberOf(kinds, t.kind),
    numberOf(directions, t.direction),
    timeForm(t.time, time),
    t.customer === undefined ? 0 : 1,
    numberOf(channels, t.channel),
    numberOf(entryModes, t.entryMode),
    t.counterparty ?? 0,
    t.category ?? 0,
    t.country ?? 0,
    place ? [place.lat, place.lon] : 0,
    t.device ?? 0,
    t.ip ?? 0,
    t.counterpartyName ?? 0,
    t.last4 ?? 0,
    numberOf(responses, t.response),
    t.originalId ?? 0,
    t.extra ?? 0,
  ]
  let many = values.length
  while (values[many - 1] === 0) many--
  values.length = many
  return JSON.stringify(values)
}

type Common = [
  instrument: string,
  amount: number,
  currency: string,
  kind: number,
  direction: number,
  time: string | number,
  customer: number,
  channel: number,
  entryMode: number,
]
type Rare = [
  counterparty: string | 0,
  category: string | 0,
  country: string | 0,
  place: [lat: number, lon: number] | 0,
  device: string | 0,
  ip: string | 0,
  counterpartyName: string | 0,
  last4: string | 0,
  response: number,
  originalId: string | 0,
  extra: Transaction['extra'] | 0,
]

/** The event of a row as it was parsed. Throws where the bytes are no JSON. */
export function decodeEvent(row: EventRow): Transaction {
  const written = JSON.parse(row.event.toString()) as Transaction | Common
  if (!Array.isArray(written)) return written
  const [instrument, amount, currency, kind, direction, time, customer, channel, entryMode] = written
  const [counterparty, category, country, place, device, ip, counterpartyName, last4, response, originalId, extra] = written.slice(
    9,
  ) as Rare
  const t: Transaction = {
    id: row.id,
    tenant: row.tenant,
    kind: kinds[kind - 1],
    instrument,
    direction: directions[direction - 1],
    amount,
    currency,
    time: timeText(time, row.time),
  }
  if (originalId) t.originalId = originalId
  if (last4) t.last4 = last4
  if (customer) t.customer = row.customer
  if (counterparty) t.counterparty = counterparty
  if (counterpartyName) t.counterpartyName = counterpartyName
  if (category) t.category = category
  if (entryMode) t.entryMode = entryModes[entryMode - 1]
  if (channel) t.channel = channels[channel - 1]
  if (device) t.device = device
  if (ip) t.ip = ip
  if (place) t.place = { lat: place[0], lon: place[1] }
  if (country) t.country = country
  if (response) t.response = responses[response - 1]
  if (extra) t.extra = extra
  return t
}
