/** What becomes of a record, as a value: an exception means a bug or an outage, never bad input. */
export type Ok<T> = { outcome: 'ok'; value: T }
export type Drop = { outcome: 'drop'; reason: string }
export type DeadLettered = { outcome: 'dead_letter'; reason: string; detail: string }
export type Outcome<T> = Ok<T> | Drop | DeadLettered

export const ok = <T>(value: T): Ok<T> => ({ outcome: 'ok', value })

/** Nothing is to be done with the record; `reason` is short and snake_case. */
export const drop = (reason: string): Drop => ({ outcome: 'drop', reason })

/** The record cannot be taken in; `detail` says in words what is wrong with it. */
export const deadLetter = (reason: string, detail: string): DeadLettered => ({ outcome: 'dead_letter', reason, detail })
