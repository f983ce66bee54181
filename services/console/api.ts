/** What the console's page and service say to each other. Types only: the page imports this file too. */
import type { Action, Alert, Disposition, Label, Outcome, Reason, Transaction } from '../shared/events.ts'
import type { Case, CasePage, CaseRow, CaseState, HistoryEntry } from '../shared/tidb/cases.ts'
import type { Role } from './users.ts'

export type { Action, Alert, CasePage, CaseRow, CaseState, Disposition, HistoryEntry, Reason, Role, Transaction }

export type Me = { name: string; role: Role; tenant: string | null; tenants: { tenant: string; name: string }[] }

/** The figures of one bank at one second. `rate` is decisions a second since the pulse before; the two totals are since the topics began. */
export type Figures = { rate: number; decided: number; alerts: number; open: number; claimed: number; closed: number }
/** One second of all banks that the reader sees. */
export type Pulse = { at: number; tenants: Record<string, Figures> }

/** The first message of the live stream: what a page that opens now has missed. */
export type Snapshot = { pulses: Pulse[]; alerts: Alert[] }
/** Somebody claimed, released or closed a case in this console. */
export type CaseChange = { tenant: string; caseId: string }

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

/** In what a reason's value is told. Money is in minor units of `baseCurrency`. */
export type Measure = {
  unit: string
  meaning: string
  /** What it is counted up to. */
  most?: number
}

export type CaseDetail = Case & {
  timeline: TimelineEntry[]
  /** By the codes of the reasons. */
  measures: Record<string, Measure>
  baseCurrency: string
}
