/**
 * The counters of counterparties, devices and addresses as each of a bank's decisions could have seen them, from what is recorded: all that was
 * decided before it, and all labels that were known then. How the partitions ran beside each other is told by the times of the decisions.
 */
import { counterFeatures, entityTypes, namedBy } from '../../models/fold/counter-features.ts'
import { cardBit, readCounters, stateWords } from '../../models/fold/counters.ts'
import { hashOf } from '../../models/fold/entry.ts'
import { applyEntry, type LabelEffect } from '../../services/detector/counters/entries.ts'
import { codes } from '../../services/detector/counters/script.ts'
import type { Transaction } from '../../services/shared/events.ts'

export const countersWidth = entityTypes.length * counterFeatures.length

/** Numbers of an entity's list before it is folded: most entities are seen seldom, and a state is much larger. */
const mostListed = 64

const codeOf = {
  fraud: { 1: codes.fraud, [-1]: codes.noFraud },
  genuine: { 1: codes.genuine, [-1]: codes.notGenuine },
} as const

export type CountersAsOf = {
  /** Writes what a transaction at `time` (milliseconds since 1970) sees, `countersWidth` numbers from `at` on. */
  read(transaction: Transaction, time: number, out: Float32Array, at: number): void
  add(transaction: Transaction, time: number): void
  addLabel(label: LabelEffect): void
}

export function createCountersAsOf(): CountersAsOf {
  /** Seconds and code of each event, or the state that they make. */
  const entities = new Map<string, number[] | Uint32Array>()
  const scratch = new Uint32Array(stateWords)
  const unfold = (list: readonly number[], state: Uint32Array) => {
    for (let i = 0; i < list.length; i += 2) applyEntry(state, list[i], list[i + 1])
  }
  const put = (name: string, seconds: number, code: number) => {
    const known = entities.get(name)
    if (known === undefined) entities.set(name, [seconds, code])
    else if (known instanceof Uint32Array) applyEntry(known, seconds, code)
    else if (known.push(seconds, code) > mostListed) {
      const state = new Uint32Array(stateWords)
      unfold(known, state)
      entities.set(name, state)
    }
  }
  const namesOf = (named: Parameters<typeof namedBy>[0]) =>
    namedBy(named).map((value, type) => (value === undefined ? undefined : `${type}:${value}`))
  return {
    read(transaction, time, out, at) {
      namesOf(transaction).forEach((name, type) => {
        const from = at + type * counterFeatures.length
        if (name === undefined) {
          out.fill(0, from, from + counterFeatures.length)
          return
        }
        const known = entities.get(name)
        let state = known
        if (!(state instanceof Uint32Array)) {
          unfold(state ?? [], scratch.fill(0))
          state = scratch
        }
        readCounters(state, time, out, from)
      })
    },
    add(transaction, time) {
      const card = cardBit(hashOf(transaction.instrument))
      for (const name of namesOf(transaction)) if (name !== undefined) put(name, Math.floor(time / 1000), card)
    },
    addLabel({ parties, changes }) {
      for (const name of namesOf(parties))
        if (name !== undefined) for (const { value, knownAt, delta } of changes) put(name, Math.floor(knownAt / 1000), codeOf[value][delta])
    },
  }
}
