/** Valid alerts with overrides. */
import { createHash } from 'node:crypto'
import type { Alert } from '../../services/shared/events.ts'

/** An alert of now about a transaction of a customer. */
export const alert = (tenant: string, customer: string, transaction: string, overrides: Partial<Alert> = {}): Alert => ({
  id: createHash('sha256').update(`${tenant}:${transaction}`).digest('hex').slice(0, 32),
  tenant,
  transaction,
  customer,
  instrument: `card-of-${customer}`,
  kind: 'authorization',
  amount: 12_500,
  currency: 'EUR',
  counterparty: 'shop-1',
  counterpartyName: 'Corner Shop',
  category: '5411',
  channel: 'ecommerce',
  country: 'DE',
  time: new Date().toISOString(),
  score: 0.5,
  action: 'review',
  sample: false,
  reasons: [{ code: 'new_device', text: 'A device not used before' }],
  model: 1,
  policy: 1,
  decidedAt: new Date().toISOString(),
  ...overrides,
})
