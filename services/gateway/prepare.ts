/** What a bank sends becomes an event of its topic, or a list of all that is wrong with it. Pure: a function of values and the time. */
import { Compile } from 'typebox/compile'
import { isCardNumber, maskCardNumbersInText, tokenOf } from '../shared/card-numbers.ts'
import { longestEvent, topics } from '../shared/events.ts'
import type { Settings } from '../shared/tidb/settings.ts'
import { isCurrency, minorUnits } from './amounts.ts'
import { type Fault, faultsOf } from './faults.ts'
import type { IncomingTopic } from './incoming.ts'
import { instantOf, isZone } from './times.ts'

/** The bank and what of its settings matters here. `tokenKey` keys the tokens of its card numbers. */
export type Bank = { tenant: string; settings: Pick<Settings, 'limits' | 'cardLikeAccounts'>; tokenKey: string }
export type Ready = { key: string; value: string; id: string | undefined }
export type Prepared = { ready: Ready } | { faults: Fault[]; id: string | undefined }

type Fields = Record<string, unknown>

const schemas = {
  transactions: Compile(topics.transactions.schema),
  outcomes: Compile(topics.outcomes.schema),
  parties: Compile(topics.parties.schema),
  labels: Compile(topics.labels.schema),
}
type Checked = { Check(value: unknown): boolean; Errors(value: unknown): Parameters<typeof faultsOf>[0] }

const day = 86_400_000
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Puts tokens in the place of card numbers where one may stand, and masks those that stand in free text. */
function hideCardNumbers(event: Fields, bank: Bank): void {
  if (bank.settings.cardLikeAccounts) return
  for (const field of ['instrument', 'customer', 'counterparty']) {
    const text = event[field]
    if (typeof text !== 'string' || !isCardNumber(text)) continue
    if (field === 'instrument' && 'direction' in event) event.last4 = text.replace(/\D/g, '').slice(-4)
    event[field] = tokenOf(bank.tokenKey, bank.tenant, text)
  }
  for (const field of ['counterpartyName', 'reason', 'note', 'by']) {
    const text = event[field]
    if (typeof text === 'string' && text.length <= longestEvent) event[field] = maskCardNumbersInText(text)
  }
  if (isFields(event.extra)) {
    event.extra = Object.fromEntries(
      Object.entries(event.extra).map(([name, value]) => {
        const text = String(value)
        const mayHold = (typeof value === 'string' || typeof value === 'number') && text.length <= longestEvent
        return [name, mayHold && maskCardNumbersInText(text) !== text ? maskCardNumbersInText(text) : value]
      }),
    )
  }
}

/** What the schema cannot say: that instants, zones and currencies exist, and that the bank's limits hold. */
function examine(event: Fields, topic: IncomingTopic, bank: Bank, now: number): Fault[] {
  const faults: Fault[] = []
  const fault = (path: string, text: string) => faults.push({ path, fault: text })
  for (const field of ['time', 'happenedAt', 'knownAt', 'validFrom', 'opened']) {
    if (event[field] !== undefined && instantOf(String(event[field])) === undefined)
      fault(`/${field}`, 'is not a date and time that exists')
  }
  if (event.currency !== undefined && !isCurrency(String(event.currency))) fault('/currency', 'is not a currency of ISO 4217')
  if (event.zone !== undefined && !isZone(String(event.zone))) fault('/zone', 'is not an IANA time zone')
  if (topic !== 'transactions') return faults
  const { maxAgeDays, maxAheadMinutes, maxAmount } = bank.settings.limits
  const time = instantOf(String(event.time))
  if (time !== undefined && now - time > maxAgeDays * day) fault('/time', `is more than ${maxAgeDays} days ago, the limit of this bank`)
  if (time !== undefined && time - now > maxAheadMinutes * 60_000) fault('/time', `is more than ${maxAheadMinutes} minutes ahead`)
  if ((event.amount as number) > maxAmount) fault('/amount', `is over ${maxAmount} minor units, the limit of this bank`)
  return faults
}

const idOf = (value: Fields): string | undefined => (typeof value.id === 'string' && /^[!-~]{1,64}$/.test(value.id) ? value.id : undefined)

/**
 * Prepares one event. `fractions` is the same event with null for amounts that were written with a fraction. `now` is what the
 * bank's limits on time compare with, and must be the record's Kafka timestamp.
 */
export function prepare(topic: IncomingTopic, given: unknown, fractions: unknown, bank: Bank, now: number): Prepared {
  if (!isFields(given)) return { faults: [{ path: '', fault: 'must be an object' }], id: undefined }
  const event: Fields = { ...given, tenant: given.tenant ?? bank.tenant }
  const id = idOf(given)
  const faults: Fault[] = []
  if (event.tenant !== bank.tenant) faults.push({ path: '/tenant', fault: `must be ${bank.tenant}, whose key this is, or be left out` })
  const amount = topic === 'transactions' ? 'amount' : 'limit'
  if (topic === 'transactions' || topic === 'parties') {
    if (event[amount] !== undefined) {
      const hadFraction = isFields(fractions) && fractions[amount] === null && event[amount] !== null
      const units = minorUnits(hadFraction ? Number.NaN : event[amount], event.currency)
      if (typeof units === 'string') faults.push({ path: `/${amount}`, fault: units })
      event[amount] = typeof units === 'string' ? 0 : units
    }
  }
  hideCardNumbers(event, bank)
  event.tenant = bank.tenant
  const schema = schemas[topic] as Checked
  if (!schema.Check(event)) faults.push(...faultsOf(schema.Errors(event)))
  else faults.push(...examine(event, topic, bank, now))
  if (faults.length > 0) return { faults, id }
  const value = JSON.stringify(event)
  const bytes = Buffer.byteLength(value)
  if (bytes > longestEvent) return { faults: [{ path: '', fault: `is ${bytes} bytes long, at most ${longestEvent} are taken` }], id }
  return { ready: { key: (topics[topic].key as (e: unknown) => string)(event), value, id } }
}
