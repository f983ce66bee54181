/** What a detector works on: records of its partitions, batch by batch, and what becomes of each. */
import type { Alert, Decision, Label, Outcome, Party, Reason, Transaction } from '../shared/events.ts'
import type { Tenant } from '../shared/tidb/settings.ts'
import type { LabelStanding } from './counters/labels.ts'

/** The topics that move under `progress`. */
export const inputs = ['transactions', 'outcomes', 'parties', 'labels'] as const
export type Input = (typeof inputs)[number]

/** Where a record lies: `log` counts how often the topic was made anew, so that a place is never used twice. */
export type Place = { tenant: string; topic: Input; partition: number; log: number; offset: number }

/** A place in a partition as one number, over all the logs it has had: what is lower came earlier. */
export const positionOf = (log: number, offset: number): number => log * 2 ** 40 + offset

/** Up to which position (exclusive) outcomes and parties of a partition have been applied to its customers' histories. */
export type Applied = { outcomes: number; parties: number }

/** A record as it came, and since when Kafka has it. Limits on time compare with `received`, never with the clock. */
export type Raw = Place & {
  received: number
  key: Buffer | null
  value: Buffer | null
  /** The log holds no record from here on until this one; absent on what was not read from Kafka. */
  follows?: number
}

/** A readable transaction with what the bank's settings make of it. */
export type Candidate = {
  raw: Raw
  transaction: Transaction
  tenant: Tenant
  customer: string
  /** Milliseconds since 1970. */
  time: number
  contentHash: Buffer
  /** Minor units of the tenant's base currency. */
  baseAmount: number
  /** Day of the rate as yyyymmdd, or null where none was needed. */
  rateDate: number | null
  /** What its features were computed from beside earlier transactions; set by enrich. */
  applied: Applied
  /** Whether it came after one of the same customer that happened later; set by enrich. */
  late: boolean
}

/** A decided transaction: all that its row and its messages hold. */
export type Decided = {
  raw: Raw
  customer: string
  time: number
  id: string
  transaction: Transaction
  /** Whether it came late; absent on a row that was read back. */
  late?: boolean
  contentHash: Buffer
  baseAmount: number
  rateDate: number | null
  applied: Applied
  features: Buffer
  score: number
  /** Index into `actions`. */
  action: number
  alert: boolean
  sampled: boolean
  sampleProbability: number
  reasons: Reason[]
  /** What models in shadow scored, as `row-bytes.ts` writes it; of no effect, and in no message. */
  challengers: Buffer
  model: number
  policy: number
  backend: number
  decided: number
}

/** What becomes of a record. Exactly one of these is recorded for every offset. */
export type Verdict =
  | { kind: 'decided'; raw: Raw; row: Decided }
  /** The id was decided before: `first` is published again. */
  | { kind: 'duplicate'; raw: Raw; id: string; first: Decided | undefined }
  | { kind: 'moved'; raw: Raw; id: string; key: string }
  | { kind: 'dead_letter'; raw: Raw; reason: string; detail: string; value: Buffer | null; at: number }
  | { kind: 'outcome'; raw: Raw; outcome: Outcome; happened: number }
  | { kind: 'party'; raw: Raw; party: Party }
  | { kind: 'label'; raw: Raw; label: Label; standing?: LabelStanding }

export type { Alert, Decision }
