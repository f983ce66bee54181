/**
 * What the bank declined or blocked of one customer: when it happened and when that became known. Each outcome counts once, and at
 * most the newest `most` are kept, so that the same set gives the same list whatever the order in which they came.
 */
import { hashOf } from './entry.ts'
import { windows } from './features.ts'

const most = 1000
const day = windows['24h']
/** One that is reported later than this, or that is said to happen a day after it was reported, moves nothing. */
const latest = 60 * day

/** Milliseconds before it became known that a decline which counts can have happened. */
export const declineLag = latest

type Decline = { happened: number; known: number; hash: number }

export class Declines {
  #list: Decline[] = []

  get size(): number {
    return this.#list.length
  }

  add(happened: number, known: number, result: string, id: string): void {
    if (known - happened > latest || happened - known > day) return
    const hash = hashOf(`${result}:${id}`)
    const list = this.#list
    let i = list.length
    while (i > 0 && (list[i - 1].happened > happened || (list[i - 1].happened === happened && list[i - 1].hash > hash))) i--
    if (i > 0 && list[i - 1].happened === happened && list[i - 1].hash === hash) return
    list.splice(i, 0, { happened, known, hash })
    if (list.length > most) list.shift()
  }

  /** How many became known in (after, until]. */
  count(after: number, until: number): number {
    let n = 0
    for (const { known } of this.#list) if (known > after && known <= until) n++
    return n
  }
}
