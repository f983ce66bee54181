/** What became of records, as the steps before `record` make it. */
import { width } from '../../models/fold/features.ts'
import { packVector } from '../../models/fold/vector-bytes.ts'
import type { Decided } from '../../services/detector/batch.ts'
import type { Transaction } from '../../services/shared/events.ts'

/** A transaction as it was decided at an offset of partition 0. */
export const decided = (t: Transaction, offset: number, overrides: Partial<Decided> = {}): Decided => {
  const time = Date.parse(t.time)
  return {
    raw: {
      tenant: t.tenant,
      topic: 'transactions',
      partition: 0,
      log: 0,
      offset,
      received: time,
      key: null,
      value: Buffer.from(JSON.stringify(t)),
    },
    customer: t.customer as string,
    time,
    id: t.id,
    transaction: t,
    contentHash: Buffer.alloc(16),
    baseAmount: t.amount,
    rateDate: null,
    applied: { outcomes: 0, parties: 0 },
    features: packVector(new Float32Array(width), 0, width),
    score: 0,
    action: 0,
    alert: false,
    sampled: false,
    sampleProbability: 0,
    reasons: [],
    challengers: Buffer.alloc(0),
    model: 1,
    policy: 1,
    backend: 1,
    decided: time,
    ...overrides,
  }
}
