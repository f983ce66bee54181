/**
 * The map: every topic that Assay reads or writes, in the order in which data flows, with its key, its schema, who writes it
 * and who reads it. Producers, consumers, the HTTP interface and the documents take their schemas and types from here.
 *
 * Money is an integer in minor units (cents), time is RFC 3339 with a zone, ids and tokens are printable ASCII without blanks.
 */
import Type from 'typebox'

/** A bank's short name; it is in every key, row, topic and metric that holds that bank's data. */
export const Tenant = Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$', description: 'The bank: lower-case letters, digits and hyphens' })

/** An id or token: 1 to 64 printable ASCII characters without blanks, so that equality in the database is equality of bytes. */
export const Token = Type.String({ pattern: '^[!-~]{1,64}$', description: '1 to 64 printable ASCII characters without blanks' })

/** RFC 3339 date and time with a zone, for example 2026-03-01T12:30:00.250+01:00. */
export const Instant = Type.String({
  pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?(Z|[+-]\\d\\d:\\d\\d)$',
  description: 'RFC 3339 date and time with a zone',
})

const Currency = Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217 letters' })
const Country = Type.String({ pattern: '^[A-Z]{2}$', description: 'ISO 3166-1 alpha-2 letters' })
const Minor = Type.Integer({ minimum: 0, maximum: 1_000_000_000_000_000, description: 'Amount in minor units of the currency' })
const Text = (most: number, description: string) => Type.String({ minLength: 1, maxLength: most, description })
const optional = Type.Optional

export const Place = Type.Object(
  { lat: Type.Number({ minimum: -90, maximum: 90 }), lon: Type.Number({ minimum: -180, maximum: 180 }) },
  { additionalProperties: false, description: 'WGS 84 degrees' },
)

export const kinds = ['authorization', 'capture', 'transfer', 'refund', 'reversal', 'adjustment'] as const
export const directions = ['debit', 'credit'] as const
export const channels = ['pos', 'ecommerce', 'atm', 'moto', 'mobile', 'online', 'branch', 'other'] as const
export const entryModes = ['chip', 'contactless', 'magstripe', 'manual', 'ecommerce', 'recurring', 'token', 'other'] as const
export const responses = ['approved', 'declined'] as const
export const actions = ['approve', 'challenge', 'review', 'decline'] as const
export const dispositions = ['fraud', 'genuine', 'inconclusive'] as const
/** Who says what a transaction was, by falling weight: where they disagree, the weightier one is believed. */
export const labelSources = ['chargeback', 'analyst', 'customer', 'rule'] as const
export const outcomeResults = ['approved', 'declined', 'challenged', 'reversed', 'blocked'] as const

export const Action = Type.Enum([...actions], { description: 'What Assay advises' })
export type Action = Type.Static<typeof Action>
export const Disposition = Type.Enum([...dispositions])
export type Disposition = Type.Static<typeof Disposition>

/** One transaction as a bank reports it. The content hash is over all fields, in canonical order. */
export const Transaction = Type.Object(
  {
    id: Type.String({ pattern: '^[!-~]{1,64}$', description: "The bank's id of the transaction, unique within the tenant" }),
    tenant: Tenant,
    kind: Type.Enum([...kinds]),
    originalId: optional(Token),
    instrument: Type.String({ pattern: '^[!-~]{1,64}$', description: 'Token of the card or account; never a card number' }),
    last4: optional(Type.String({ pattern: '^\\d{4}$' })),
    customer: optional(
      Type.String({ pattern: '^[!-~]{1,64}$', description: 'Who holds the instrument; without one the instrument stands for it' }),
    ),
    direction: Type.Enum([...directions]),
    counterparty: optional(Token),
    counterpartyName: optional(Text(140, 'Name of the merchant or payee')),
    category: optional(Type.String({ pattern: '^[!-~]{1,16}$', description: 'Merchant category code or the bank’s own category' })),
    amount: Minor,
    currency: Currency,
    time: Instant,
    entryMode: optional(Type.Enum([...entryModes])),
    channel: optional(Type.Enum([...channels])),
    device: optional(Token),
    ip: optional(Type.String({ pattern: '^[0-9a-fA-F.:]{2,45}$' })),
    place: optional(Place),
    country: optional(Country),
    response: optional(Type.Enum([...responses], { description: "The bank's own response so far" })),
    extra: optional(
      Type.Record(Type.String({ pattern: '^[!-~]{1,64}$' }), Type.Union([Type.String({ maxLength: 500 }), Type.Number(), Type.Boolean()]), {
        description: 'Anything else that the bank wants kept with the transaction',
      }),
    ),
  },
  { additionalProperties: false },
)
export type Transaction = Type.Static<typeof Transaction>

/** What the bank then did with a transaction. */
export const Outcome = Type.Object(
  {
    id: Token,
    tenant: Tenant,
    customer: Token,
    transaction: Token,
    result: Type.Enum([...outcomeResults]),
    reason: optional(Text(140, "The bank's reason")),
    happenedAt: Instant,
  },
  { additionalProperties: false },
)
export type Outcome = Type.Static<typeof Outcome>

/** What is known of a customer, or of one of a customer's instruments, from an instant on. A later version replaces an earlier one. */
export const Party = Type.Object(
  {
    tenant: Tenant,
    customer: Token,
    instrument: optional(
      Type.String({ pattern: '^[!-~]{1,64}$', description: 'When present this is about the instrument, else about the customer' }),
    ),
    validFrom: Instant,
    home: optional(Place),
    country: optional(Country),
    zone: optional(Type.String({ pattern: '^[A-Za-z0-9_+/-]{1,64}$', description: 'IANA time zone of the home' })),
    opened: optional(Instant),
    type: optional(Type.Enum(['card', 'account', 'wallet'])),
    limit: optional(Minor),
    currency: optional(Currency),
  },
  { additionalProperties: false },
)
export type Party = Type.Static<typeof Party>

/** A judgement about a transaction: what, by whom, when it happened, and since when it is known. */
export const Label = Type.Object(
  {
    id: Token,
    tenant: Tenant,
    transaction: Token,
    value: Disposition,
    source: Type.Enum([...labelSources]),
    happenedAt: Instant,
    knownAt: Instant,
    supersedes: optional(Token),
    by: optional(Text(64, 'Who said so')),
    note: optional(Text(2000, 'Why')),
  },
  { additionalProperties: false },
)
export type Label = Type.Static<typeof Label>

/** Why a score is high, in words. */
export const Reason = Type.Object(
  {
    code: Token,
    text: Text(200, 'In words that a customer could be told'),
    value: optional(Type.Number({ description: 'What the text speaks of, as the feature of that name has it' })),
    usual: optional(Type.Number({ description: 'The same of a usual transaction of this customer' })),
    share: optional(
      Type.Number({ minimum: 0, maximum: 1, description: 'Its part in all that raises the score above that of a usual one' }),
    ),
  },
  { additionalProperties: false },
)
export type Reason = Type.Static<typeof Reason>

/** The decision on one transaction, made once and never changed. */
export const Decision = Type.Object(
  {
    id: Token,
    tenant: Tenant,
    customer: Token,
    score: Type.Number({ minimum: 0, maximum: 1, description: 'Calibrated probability of fraud, rounded to six places' }),
    action: Action,
    alert: Type.Boolean(),
    reasons: Type.Array(Reason),
    model: Type.Integer({ description: 'Version of the model that scored' }),
    policy: Type.Integer({ description: "Version of the tenant's settings that decided" }),
    time: Instant,
    decidedAt: Instant,
  },
  { additionalProperties: false },
)
export type Decision = Type.Static<typeof Decision>

/** A decision that a person should see, with what that person needs to begin. */
export const Alert = Type.Object(
  {
    id: Type.String({ pattern: '^[0-9a-f]{32}$', description: 'Hash of tenant and transaction id: the same at each delivery' }),
    tenant: Tenant,
    transaction: Token,
    customer: Token,
    instrument: Token,
    kind: Type.Enum([...kinds]),
    amount: Minor,
    currency: Currency,
    counterparty: optional(Token),
    counterpartyName: optional(Type.String()),
    category: optional(Type.String()),
    channel: optional(Type.Enum([...channels])),
    country: optional(Country),
    time: Instant,
    score: Type.Number({ minimum: 0, maximum: 1 }),
    action: Action,
    sample: Type.Boolean({ description: 'An approved transaction drawn at random for review, without effect on the customer' }),
    reasons: Type.Array(Reason),
    model: Type.Integer(),
    policy: Type.Integer(),
    decidedAt: Instant,
  },
  { additionalProperties: false },
)
export type Alert = Type.Static<typeof Alert>

/** A record that could not be taken in: where it lies, why, and its bytes (card numbers masked), so that it can be sent again. */
export const DeadLetter = Type.Object(
  {
    tenant: Tenant,
    topic: Type.String(),
    partition: Type.Integer(),
    offset: Type.String({ pattern: '^\\d+$' }),
    reason: Type.String({ pattern: '^[a-z_]+$' }),
    detail: Type.String(),
    recordedAt: Instant,
    key: Type.Union([Type.String(), Type.Null()], { description: 'base64' }),
    value: Type.Union([Type.String(), Type.Null()], { description: 'base64' }),
  },
  { additionalProperties: false },
)
export type DeadLetter = Type.Static<typeof DeadLetter>

/** What has moved away from what the model was trained on. */
export const DriftAlarm = Type.Object(
  {
    state: Type.Enum(['alarm', 'over'], { description: 'Something has drifted that had not; or all that had is stable again' }),
    from: Instant,
    to: Instant,
    columns: Type.Array(Type.Object({ name: Token, psi: Type.Number() }, { additionalProperties: false }), {
      description: 'Features, and `score`, that have drifted, the farthest first, each with its population stability index',
    }),
  },
  { additionalProperties: false },
)

/**
 * Something in force has changed, or what a bank sends is no longer what the model `version` was trained on. For whoever wants to hear of it:
 * the services look into the database every 5 seconds.
 */
export const Control = Type.Object(
  {
    kind: Type.Enum(['model', 'settings', 'tenants', 'drift']),
    tenant: optional(Tenant),
    version: optional(Type.Integer()),
    at: Instant,
    drift: optional(DriftAlarm),
  },
  { additionalProperties: false },
)
export type Control = Type.Static<typeof Control>

/** Most bytes of an event as JSON: what a row keeps of it. */
export const longestEvent = 16_384

/** Who holds the instrument: the customer, or the instrument where the bank names none. */
export const customerOf = (transaction: { customer?: string; instrument: string }): string => transaction.customer ?? transaction.instrument

const byCustomer = (e: { tenant: string; customer: string }) => `${e.tenant}:${e.customer}`

type Topic = {
  scope: 'tenant' | 'inner'
  schema: Type.TSchema
  key: (event: never) => string
  writers: readonly string[]
  readers: readonly string[]
  compacted?: true
}

/** Every topic, in flow order. A tenant's topic is `assay.<tenant>.<name>`, an inner one `assay.<name>`. */
export const topics = {
  transactions: {
    scope: 'tenant',
    schema: Transaction,
    key: (e: Transaction) => `${e.tenant}:${customerOf(e)}`,
    writers: ['gateway', 'the bank'],
    readers: ['detector'],
  },
  outcomes: {
    scope: 'tenant',
    schema: Outcome,
    key: byCustomer as (e: Outcome) => string,
    writers: ['gateway', 'the bank'],
    readers: ['detector'],
  },
  parties: {
    scope: 'tenant',
    schema: Party,
    key: byCustomer as (e: Party) => string,
    writers: ['gateway', 'the bank'],
    readers: ['detector'],
  },
  labels: {
    scope: 'tenant',
    schema: Label,
    key: (e: Label) => `${e.tenant}:${e.transaction}`,
    writers: ['gateway', 'console', 'the bank'],
    readers: ['detector'],
  },
  decisions: {
    scope: 'tenant',
    schema: Decision,
    key: byCustomer as (e: Decision) => string,
    writers: ['detector'],
    readers: ['the bank', 'console'],
  },
  alerts: {
    scope: 'tenant',
    schema: Alert,
    key: byCustomer as (e: Alert) => string,
    writers: ['detector'],
    readers: ['casework', 'console'],
  },
  deadLetters: {
    scope: 'inner',
    schema: DeadLetter,
    key: (e: DeadLetter) => `${e.tenant}:${e.topic}:${e.partition}:${e.offset}`,
    writers: ['detector', 'casework'],
    readers: ['operators'],
  },
  control: {
    scope: 'inner',
    schema: Control,
    key: (e: Control) => `${e.kind}:${e.tenant ?? ''}`,
    writers: ['operators', 'detector', 'trainer'],
    readers: ['operators'],
    compacted: true,
  },
} as const satisfies Record<string, Topic>

export type TopicName = keyof typeof topics
export type TenantTopic = { [K in TopicName]: (typeof topics)[K]['scope'] extends 'tenant' ? K : never }[TopicName]

/** Names of the topics that each tenant has. */
export const tenantTopics = [
  'transactions',
  'outcomes',
  'parties',
  'labels',
  'decisions',
  'alerts',
] as const satisfies readonly TenantTopic[]

/** The topic of a tenant, for example assay.bank-one.transactions. */
export const tenantTopic = (tenant: string, name: TenantTopic): string => `assay.${tenant}.${name}`

/** The inner topics, shared by all tenants. */
export const innerTopics = { deadLetters: 'assay.dead-letters', control: 'assay.control' } as const
