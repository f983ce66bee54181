/** Valid records with overrides. */
import { type Transaction, tenantTopic, topics } from '../../services/shared/events.ts'
import type { Outgoing } from '../../services/shared/kafka/bus.ts'
import { unique } from './servers.ts'

/** A valid transaction of now. */
export const transaction = (tenant: string, overrides: Partial<Transaction> = {}): Transaction => ({
  id: unique('t-'),
  tenant,
  kind: 'authorization',
  instrument: 'card-1',
  customer: 'customer-1',
  direction: 'debit',
  counterparty: 'shop-1',
  category: '5411',
  amount: 1250,
  currency: 'EUR',
  time: new Date().toISOString(),
  channel: 'pos',
  country: 'DE',
  ...overrides,
})

/** The record that carries it. */
export const record = (t: Transaction): Outgoing => ({
  topic: tenantTopic(t.tenant, 'transactions'),
  key: topics.transactions.key(t),
  value: JSON.stringify(t),
})
