/** The form in which a bank sends events: that of the topics, but that the key says whose they are and amounts may be decimal strings. */
import Type from 'typebox'
import { Label, Outcome, Party, Tenant, Transaction } from '../shared/events.ts'

const Amount = Type.Union(
  [Type.Integer({ minimum: 0, maximum: 1_000_000_000_000_000 }), Type.String({ pattern: '^\\d{1,16}(\\.\\d{1,10})?$' })],
  {
    description: 'A decimal string in major units ("12.34"), or an integer in minor units (1234). Never a number with a fraction',
    examples: ['12.34'],
  },
)
const tenant = Type.Optional({ ...Tenant, description: 'The bank; the key says it already, and if given it must be the same' })
const closed = (description: string) => ({ additionalProperties: false, description })

/** The events that a gateway takes in, by the name of their topic. */
export const incoming = {
  transactions: Type.Object(
    {
      ...Transaction.properties,
      tenant,
      amount: Amount,
      instrument: Type.String({
        description: 'Token of the card or account; a card number is replaced by a token and its last four digits',
      }),
    },
    closed('A transaction as the bank reports it'),
  ),
  outcomes: Type.Object({ ...Outcome.properties, tenant }, closed('What the bank did with a transaction')),
  parties: Type.Object(
    { ...Party.properties, tenant, limit: Type.Optional(Amount) },
    closed('What is known of a customer or an instrument from an instant on'),
  ),
  labels: Type.Object({ ...Label.properties, tenant }, closed('A judgement about a transaction')),
} as const

export type IncomingTopic = keyof typeof incoming
export const incomingTopics = Object.keys(incoming) as IncomingTopic[]
