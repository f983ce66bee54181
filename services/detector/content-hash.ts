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
  let text = `${t.id}${separator}${t.kind}${separator}${t.originalId ?? ''}${separator}${t.instrument}${separator}${t.last4 ?? ''}${separator}${t.customer ?? ''}`
  text += `${separator}${t.direction}${separator}${t.counterparty ?? ''}${separator}${t.counterpartyName ?? ''}${separator}${t.category ?? ''}`
  text += `${separator}${t.amount}${separator}${t.currency}${separator}${time}${separator}${t.entryMode ?? ''}${separator}${t.channel ?? ''}${separator}${t.device ?? ''}`
  text += `${separator}${t.ip ?? ''}${separator}${t.place ? `${t.place.lat},${t.place.lon}` : ''}${separator}${t.country ?? ''}${separator}${t.response ?? ''}`
  if (t.extra) for (const name of Object.keys(t.extra).toSorted(byBytes)) text += `${separator}${name}=${JSON.stringify(t.extra[name])}`
  return hash('sha256', text, 'buffer').subarray(0, 16)
}
