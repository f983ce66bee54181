/** Why a transaction got its score: what each feature adds to the logit of the customer's usual transaction, and that in words. */
import type { Reason } from '../../services/shared/events.ts'
import { featureNames, indexOf, width } from '../fold/features.ts'
import { createAttribution } from './attribution.ts'
import { codeOf } from './groups.ts'
import type { Network } from './network.ts'
import { type Code, textOf } from './texts.ts'
import { usualOf } from './usual.ts'

export type Explanation = {
  /** Of the transaction and of the customer's usual one. */
  logit: number
  usualLogit: number
  /** By feature: what the usual transaction has, and what the difference adds to the logit. */
  usual: Float32Array
  added: Float64Array
  /** At most five, the most telling first. */
  reasons: Reason[]
}

/** Explains the given rows of `features`, which holds `width` float32 a row. */
export type Explain = (features: Float32Array, rows: readonly number[]) => Explanation[]

const most = 5
/** What adds less than this part of all that raises the score is not told. */
const least = 0.03

/** Four significant digits. */
const short = (x: number) => Number(x.toPrecision(4))

/** A feature that is not registered is 0. */
const registered = new Set(featureNames)
const numberOf = (vector: Float32Array, name: string): number => (registered.has(name) ? vector[indexOf(name)] : 0)

function reasonsOf(vector: Float32Array, usual: Float32Array, added: Float64Array): Reason[] {
  const at = (name: string) => numberOf(vector, name)
  const usually = (name: string) => numberOf(usual, name)
  const sums = new Map<Code | undefined, number>()
  for (let f = 0; f < width; f++) {
    if (added[f] === 0) continue
    const code = codeOf(featureNames[f], at, usually)
    sums.set(code, (sums.get(code) ?? 0) + added[f])
  }
  let raised = 0
  for (const sum of sums.values()) raised += Math.max(0, sum)
  return [...sums]
    .flatMap(([code, sum]) => (code !== undefined && sum > 0 && sum >= least * raised ? [{ code, sum }] : []))
    .sort((a, b) => b.sum - a.sum || (a.code < b.code ? -1 : 1))
    .slice(0, most)
    .map(({ code, sum }): Reason => {
      const { feature, text } = textOf(code, at)
      return { code, text, value: short(at(feature)), usual: short(usually(feature)), share: Math.round((100 * sum) / raised) / 100 }
    })
}

/** Makes the function for a network. The same vector gives the same, on any backend: nothing of it is computed by one. */
export function createExplain(network: Network): Explain {
  const attribute = createAttribution(network)
  return (features, rows) =>
    rows.map((row) => {
      const vector = features.subarray(row * width, (row + 1) * width)
      const usual = new Float32Array(width)
      const added = new Float64Array(width)
      usualOf(vector, usual)
      const { logit, baseline } = attribute(usual, vector, added)
      return { logit, usualLogit: baseline, usual, added, reasons: reasonsOf(vector, usual, added) }
    })
}
