/** What the console's page and service say to each other. Types only: the page imports this file too. */
import type { Alert, Label, Outcome, Reason, Transaction } from '../shared/events.ts'
import type { Role } from './users.ts'

export type { Alert, Reason, Role, Transaction }
export type Action = 'approve' | 'challenge' | 'review' | 'decline'
export type Disposition = Label['value']

export type Me = { name: string; role: Role; tenant: string | null; tenants: { tenant: string; name: string }[] }

/** The figures of one bank at one second. `rate` is decisions a second since the pulse before; the two totals are since the topics began. */
export type Figures = { rate: number; decided: number; alerts: number; open: number; claimed: number; closed: number }
/** One second of all banks that the reader sees. */
export type Pulse = { at: number; tenants: Record<string, Figures> }

/** The first message of the live stream: what a page that opens now has missed. */
export type Snapshot = { pulses: Pulse[]; alerts: Alert[] }
/** Somebody claimed, released or closed a case in this console. */
export type CaseChange = { tenant: string; caseId: string }

export type CaseState = 'open' | 'claimed' | 'closed'

/** A row of the queue. Times are milliseconds, the amount is in minor units. */
export type CaseSummary = {
  tenant: string
  id: string
  customer: string
  state: CaseState
  step: number
  dueAt: number | null
  assignee: string | null
  disposition: Disposition | null
  note: string | null
  sample: boolean
  maxScore: number
  amount: number
  currency: string
  opened: number
  claimed: number | null
  closed: number | null
}
export type CasePage = { cases: CaseSummary[]; next: string | null }

/** A transaction of the customer with all that was said about it. */
export type TimelineEntry = {
  event: Transaction
  time: number
  decided: number
  score: number
  action: Action
  sampled: boolean
  reasons: Reason[]
  model: number
  policy: number
  /** Whether it is one of the transactions of this case. */
  inCase: boolean
  labels: { value: Disposition; source: Label['source']; knownAt: number; by: string | null }[]
  outcome: { result: Outcome['result']; happenedAt: number } | null
}

export type HistoryEntry = { at: number; actor: string; event: string; detail: unknown }

export type CaseDetail = CaseSummary & { timeline: TimelineEntry[]; history: HistoryEntry[]; alerts: Alert[] }
