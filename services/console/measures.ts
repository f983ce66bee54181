/** In what the values of reasons are told: the unit and the meaning of the feature that each speaks of. */
import { entityTypes } from '../../models/fold/counter-features.ts'
import { mostDays } from '../../models/fold/counters.ts'
import { type Entity, features } from '../../models/fold/features.ts'
import { featureOf } from '../../models/reasons/texts.ts'
import type { Reason } from '../shared/events.ts'
import type { Measure } from './api.ts'

/** Counterparties, devices and addresses are followed for so many days. */
const most = (unit: string, entity: Entity) =>
  unit === 'days' && (entityTypes as readonly Entity[]).includes(entity) ? { most: mostDays } : {}
const byName = new Map(
  features.map(({ name, unit, entity, meaning }): [string, Measure] => [name, { unit, meaning, ...most(unit, entity) }]),
)

/** By the reasons' codes; of those that carry no feature's value, nothing. */
export function measuresOf(reasons: readonly Reason[]): Record<string, Measure> {
  const measures: Record<string, Measure> = {}
  for (const { code } of reasons) {
    const measure = byName.get(featureOf(code) ?? '')
    if (measure) measures[code] = measure
  }
  return measures
}
