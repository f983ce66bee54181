/** In what the values of reasons are told: the unit and the meaning of the feature that each speaks of. */
import { features } from '../../models/fold/features.ts'
import { featureOf } from '../../models/reasons/texts.ts'
import type { Reason } from '../shared/events.ts'
import type { Measure } from './api.ts'

const byName = new Map(features.map(({ name, unit, meaning }): [string, Measure] => [name, { unit, meaning }]))

/** By the reasons' codes; of those that carry no feature's value, nothing. */
export function measuresOf(reasons: readonly Reason[]): Record<string, Measure> {
  const measures: Record<string, Measure> = {}
  for (const { code } of reasons) {
    const measure = byName.get(featureOf(code) ?? '')
    if (measure) measures[code] = measure
  }
  return measures
}
