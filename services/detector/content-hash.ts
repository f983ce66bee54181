/** The hash that tells a resend from another transaction with the same id. */
import { hash } from 'node:crypto'
import type { Transaction } from '../shared/events.ts'

const separator = '\u0000'

const byBytes = (a: string, b: string) => (a < b ? -1 : 1)

/**
 * 16 bytes of SHA-256 over the fields of the event in a fixed order, with the time as an instant, so that neither the order of fields
 * nor the way a zone is written matters.
 */
export function contentHash(t: Transaction, time: number): Buffer {
  const { place } = t
  // Joined, what is not there is empty; adding texts one by one makes four times the garbage.
  let text = [
    t.id,
    t.kind,
    t.originalId,
    t.instrument,
    t.last4,
    t.customer,
    t.direction,
    t.counterparty,
    t.counterpartyName,
    t.category,
    t.amount,
    t.currency,
    time,
    t.entryMode,
    t.channel,
    t.device,
    t.ip,
    place && `${place.lat},${place.lon}`,
    t.country,
    t.response,
  ].join(separator)
  if (t.extra) for (const name of Object.keys(t.extra).toSorted(byBytes)) text += `${separator}${name}=${JSON.stringify(t.extra[name])}`
  return hash('sha256', text, 'buffer').subarray(0, 16)
}
