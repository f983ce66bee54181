/** First step: bytes become events, or dead letters that say what is wrong. Pure: the same bytes in the same place give the same. */
import { holdsCardNumber, maskCardNumbers } from '../shared/card-numbers.ts'
import { customerOf, type Label, type Outcome, type Party, type Transaction, topics } from '../shared/events.ts'
import { eventReader } from '../shared/kafka/dead-letters.ts'
import { partitionOf } from '../shared/kafka/kafkajs.ts'
import { type DeadLettered, deadLetter, type Ok } from '../shared/outcomes.ts'
import type { Tenant } from '../shared/tidb/settings.ts'
import type { Applied, Candidate, Decided, Input, Place, Raw, Verdict } from './batch.ts'
import { contentHash } from './content-hash.ts'
import type { Move } from './intake/progress.ts'
import type { Rates } from './state/rates.ts'

/** Records as they were taken, and what the lane knows beside them. */
export type Taken = {
  raws: readonly Raw[]
  moves: Move[]
  /** The banks, with the settings that hold throughout this batch. */
  tenants: ReadonlyMap<string, Tenant>
  /** What had been applied to each partition's customers before this batch, by `partitionName`. */
  applied: ReadonlyMap<string, Applied>
  /** The batch before, if it is not recorded yet: its decided transactions by `idKey`, the customers it is about, and when it is recorded. */
  inHand: { decided: ReadonlyMap<string, Decided>; touched: ReadonlySet<string>; recorded: Promise<unknown> } | undefined
  /** Look for every id in TiDB, since the database refused one of this batch. */
  checkAll: boolean
  /** What the database said of records that it will never take, by `placeOf`. */
  condemned: ReadonlyMap<string, string>
}
export type Parsed = Omit<Taken, 'raws'> & { verdicts: (Verdict | { kind: 'candidate'; raw: Raw; candidate: Candidate })[] }

/** Where a record lies, as one text. */
export const placeOf = ({ tenant, topic, partition, log, offset }: Place): string => `${tenant}:${topic}:${partition}:${log}:${offset}`

const readers: Record<Input, (value: Buffer | null) => Ok<unknown> | DeadLettered> = {
  transactions: eventReader(topics.transactions.schema),
  outcomes: eventReader(topics.outcomes.schema),
  parties: eventReader(topics.parties.schema),
  labels: eventReader(topics.labels.schema),
}

const day = 86_400_000
const nothingApplied: Applied = { outcomes: 0, parties: 0 }

/** Checks what the schema cannot: whose it is, when it happened, how much, and in what currency. */
function examine(raw: Raw, transaction: Transaction, tenant: Tenant, rates: Rates): Candidate | DeadLettered {
  const { limits, baseCurrency, cardLikeAccounts } = tenant.settings
  if (!cardLikeAccounts && holdsCardNumber(transaction.instrument)) {
    return deadLetter('card_number', 'the instrument is a card number; send it through the gateway, or a token in its place')
  }
  const time = Date.parse(transaction.time)
  if (Number.isNaN(time)) return deadLetter('invalid', `/time ${transaction.time} is not a date`)
  if (time < 0) return deadLetter('too_old', `it happened at ${transaction.time}, before 1970`)
  if (raw.received - time > limits.maxAgeDays * day) {
    return deadLetter('too_old', `it happened at ${transaction.time}, more than ${limits.maxAgeDays} days before Kafka got it`)
  }
  if (time - raw.received > limits.maxAheadMinutes * 60_000) {
    return deadLetter(
      'clock_ahead',
      `it is to happen at ${transaction.time}, more than ${limits.maxAheadMinutes} minutes after Kafka got it`,
    )
  }
  if (transaction.amount > limits.maxAmount)
    return deadLetter('absurd_amount', `/amount ${transaction.amount} is over the limit of ${limits.maxAmount}`)
  const base = rates.convert(transaction.amount, transaction.currency, baseCurrency, time)
  if (!base)
    return deadLetter('no_rate', `there is no rate from ${transaction.currency} to ${baseCurrency} on or before ${transaction.time}`)
  if (!Number.isSafeInteger(base.amount))
    return deadLetter('absurd_amount', `/amount ${transaction.amount} ${transaction.currency} is ${base.amount} in ${baseCurrency}`)
  return {
    raw,
    transaction,
    tenant,
    customer: customerOf(transaction),
    time,
    contentHash: contentHash(transaction, time),
    baseAmount: base.amount,
    rateDate: base.date,
    applied: nothingApplied,
    late: false,
  }
}

/** The first of an event's dates that no calendar has, which its form does not tell. */
function falseDate(event: Record<string, unknown>): DeadLettered | undefined {
  for (const name of ['happenedAt', 'knownAt', 'validFrom', 'opened']) {
    const date = event[name]
    if (typeof date === 'string' && Number.isNaN(Date.parse(date))) return deadLetter('invalid', `/${name} ${date} is not a date`)
  }
  return undefined
}

/** Where a key says that the record should lie, if that is not where it lies. */
const misplaced = (raw: Raw, key: string, partitions: number): boolean => partitionOf(key, partitions) !== raw.partition

/** Makes the step. `rates` converts to the tenant's base currency. */
export function parse(rates: Rates, clock: () => number) {
  const examineRecord = (raw: Raw, tenant: Tenant, refusal: string | undefined, now: number): Parsed['verdicts'][number] => {
    const dead = (d: DeadLettered): Verdict => ({
      kind: 'dead_letter',
      raw,
      reason: d.reason,
      detail: d.detail.slice(0, 1000),
      value: raw.value === null ? null : maskCardNumbers(raw.value),
      at: now,
    })
    if (refusal !== undefined) return dead(deadLetter('refused', `the database does not take it: ${refusal}`))
    const event = readers[raw.topic](raw.value) as Ok<Transaction & Outcome & Party & Label> | DeadLettered
    if (event.outcome !== 'ok') return dead(event)
    if (event.value.tenant !== raw.tenant)
      return dead(deadLetter('tenant_mismatch', `/tenant ${event.value.tenant} came on a topic of ${raw.tenant}`))
    const key = (topics[raw.topic].key as (e: unknown) => string)(event.value)
    if (misplaced(raw, key, tenant.partitions)) return { kind: 'moved', raw, id: event.value.id ?? key, key }
    const wrong = falseDate(event.value)
    if (wrong) return dead(wrong)
    switch (raw.topic) {
      case 'transactions': {
        const candidate = examine(raw, event.value, tenant, rates)
        return 'outcome' in candidate ? dead(candidate) : { kind: 'candidate', raw, candidate }
      }
      case 'outcomes':
        return { kind: 'outcome', raw, outcome: event.value, happened: Date.parse(event.value.happenedAt) }
      case 'parties':
        return { kind: 'party', raw, party: event.value }
      case 'labels':
        return { kind: 'label', raw, label: event.value }
    }
  }
  return function parse(batch: Taken): Parsed {
    const now = clock()
    const { tenants, condemned } = batch
    const refusalOf = (raw: Raw) => (condemned.size === 0 ? undefined : condemned.get(placeOf(raw)))
    const verdicts = batch.raws.map((raw) => examineRecord(raw, tenants.get(raw.tenant) as Tenant, refusalOf(raw), now))
    return { ...batch, verdicts }
  }
}
