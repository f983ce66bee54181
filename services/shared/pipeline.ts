/** Steps of a path, put together in order. */
import { setImmediate } from 'node:timers/promises'

/** Milliseconds of a step after which answers that arrived meanwhile are looked at, such as that the batch before can be committed. */
const long = 2

/** Steps in a row: each takes what the one before gave. A step is a named function, so that its name shows in traces and metrics. */
export type Step<I, O> = (input: I) => Promise<O> | O

export function pipeline<A, B, C>(a: Step<A, B>, b: Step<B, C>): (input: A) => Promise<C>
export function pipeline<A, B, C, D>(a: Step<A, B>, b: Step<B, C>, c: Step<C, D>): (input: A) => Promise<D>
export function pipeline<A, B, C, D, E>(a: Step<A, B>, b: Step<B, C>, c: Step<C, D>, d: Step<D, E>): (input: A) => Promise<E>
export function pipeline(...steps: Step<never, unknown>[]): (input: unknown) => Promise<unknown> {
  return async function run(input) {
    let value = input
    for (const step of steps) {
      const began = performance.now()
      value = await (step as Step<unknown, unknown>)(value)
      if (performance.now() - began > long) await setImmediate()
    }
    return value
  }
}
