/** Rows become messages, byte for byte the same whenever it is done: a row holds all that its messages contain. */
import { createHash } from 'node:crypto'
import { type Alert, actions, type Decision, tenantTopic, topics } from '../shared/events.ts'
import type { Outgoing } from '../shared/kafka/bus.ts'
import type { Decided } from './batch.ts'

/** The id of a transaction's alert: the same at each delivery. */
export const alertId = (tenant: string, id: string): string => createHash('sha256').update(`${tenant}:${id}`).digest('hex').slice(0, 32)

/** The decision, and the alert if there is one. */
export function messagesOf(tenant: string, row: Decided): Outgoing[] {
  const { transaction } = row
  const decidedAt = new Date(row.decided).toISOString()
  const action = actions[row.action]
  const decision: Decision = {
    id: row.id,
    tenant,
    customer: row.customer,
    score: row.score,
    action,
    alert: row.alert,
    reasons: row.reasons,
    model: row.model,
    policy: row.policy,
    time: transaction.time,
    decidedAt,
  }
  const key = topics.decisions.key(decision)
  // The transaction lies where its key says, which parse has checked, and so does what became of it: no need to hash the key again.
  const { partition } = row.raw
  const messages: Outgoing[] = [{ topic: tenantTopic(tenant, 'decisions'), key, partition, value: JSON.stringify(decision) }]
  if (!row.alert) return messages
  const { instrument, kind, amount, currency, counterparty, counterpartyName, category, channel, country, time } = transaction
  const alert: Alert = {
    id: alertId(tenant, row.id),
    tenant,
    transaction: row.id,
    customer: row.customer,
    instrument,
    kind,
    amount,
    currency,
    ...(counterparty === undefined ? {} : { counterparty }),
    ...(counterpartyName === undefined ? {} : { counterpartyName }),
    ...(category === undefined ? {} : { category }),
    ...(channel === undefined ? {} : { channel }),
    ...(country === undefined ? {} : { country }),
    time,
    score: row.score,
    action,
    sample: row.sampled,
    reasons: row.reasons,
    model: row.model,
    policy: row.policy,
    decidedAt,
  }
  messages.push({ topic: tenantTopic(tenant, 'alerts'), key, partition, value: JSON.stringify(alert) })
  return messages
}
