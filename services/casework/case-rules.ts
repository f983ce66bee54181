/** The rules of a case: when it escalates, to whom, and when that ends. Pure functions of values and a clock. */
import type { Alert } from '../shared/events.ts'
import type { Settings } from '../shared/tidb/settings.ts'

export type Step = { step: number; role: Settings['escalation'][number]['role']; nextDueAt: number | null }

/**
 * When a case that this alert opens escalates first, or null. A random sample of approved transactions is looked at when there is
 * time for it: nothing is held back from the customer, so nobody is woken for it.
 */
export function firstDueAt(alert: Pick<Alert, 'sample'>, settings: Settings, now: number): number | null {
  return alert.sample ? null : now + settings.escalation[0].afterSeconds * 1000
}

/** What step `step` (0 is the first) does at `now`, or undefined when the ladder has no such rung. */
export function stepAt(step: number, settings: Settings, now: number): Step | undefined {
  const rung = settings.escalation[step]
  if (!rung) return undefined
  const next = settings.escalation[step + 1]
  return { step, role: rung.role, nextDueAt: next ? now + next.afterSeconds * 1000 : null }
}
