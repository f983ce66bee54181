/** The features of counterparties, devices and addresses: their names and meanings. What they are read from is in `counters.ts`. */
import type { Transaction } from '../../services/shared/events.ts'
import { baseRate, priorWeight } from './counters.ts'
import type { FeatureType } from './features.ts'

export const entityTypes = ['counterparty', 'device', 'ip'] as const
export type EntityType = (typeof entityTypes)[number]

/** What a transaction names of each of `entityTypes`; an address in small letters, since IPv6 has both. */
export const namedBy = ({ counterparty, device, ip }: Pick<Transaction, EntityType>): (string | undefined)[] => [
  counterparty,
  device,
  ip?.toLowerCase(),
]

type CounterFeature = { readonly name: string; readonly type: FeatureType; readonly unit: string; readonly meaning: string }

/**
 * The features of one entity, in the order in which `readCounters` writes them; each of `entityTypes` has them all, under names that begin
 * with it. THING stands for the entity. They are as of the transaction's time, without the transaction itself.
 */
export const counterFeatures: readonly CounterFeature[] = [
  {
    name: 'count_1h',
    type: 'number',
    unit: 'transactions',
    meaning: 'Transactions with the THING in 1 hour: those of the clock’s hour, and of the one before in proportion',
  },
  {
    name: 'count_24h',
    type: 'number',
    unit: 'transactions',
    meaning: 'Transactions with the THING in 24 hours, the oldest hour in proportion',
  },
  {
    name: 'count_30d',
    type: 'number',
    unit: 'transactions',
    meaning: 'Transactions with the THING in 30 days, the oldest day in proportion',
  },
  {
    name: 'cards_24h',
    type: 'number',
    unit: 'instruments',
    meaning: 'Different instruments with the THING in 24 to 30 hours, estimated from 128 bits; at most 621',
  },
  {
    name: 'cards_30d',
    type: 'number',
    unit: 'instruments',
    meaning: 'Different instruments with the THING in 30 to 36 days, estimated from 128 bits; at most 621',
  },
  { name: 'age', type: 'number', unit: 'days', meaning: 'Since the THING was first seen, at most 31; 0 for a new one' },
  {
    name: 'fraud_share',
    type: 'number',
    unit: 'share',
    meaning: `Frauds that became known over transactions, both in 30 days, as if ${priorWeight} more with ${baseRate * 100} % of frauds had been seen; at most 1`,
  },
  {
    name: 'frauds_30d',
    type: 'count',
    unit: 'transactions',
    meaning: 'Frauds with the THING that became known in 30 days, counted in days of UTC with today’s',
  },
  {
    name: 'since_first_fraud',
    type: 'number',
    unit: 'days',
    meaning: 'Since the day on which the first of them became known; 31 where there is none',
  },
  {
    name: 'since_last_fraud',
    type: 'number',
    unit: 'days',
    meaning: 'Since the day on which the last of them became known; 31 where there is none',
  },
  {
    name: 'genuine_since',
    type: 'count',
    unit: 'transactions',
    meaning: 'Transactions with the THING that became known as genuine since the day of the first of those frauds',
  },
]
