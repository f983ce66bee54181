/** What is wrong with an event: each fault with the path of the field, as a JSON pointer. */
import { Settings } from 'typebox/system'
import { maskCardNumbersInText } from '../shared/card-numbers.ts'

export type Fault = { path: string; fault: string }

type SchemaError = { keyword: string; instancePath: string; message: string; params: object }

const pointer = (name: string): string => maskCardNumbersInText(name.slice(0, 64)).replaceAll('~', '~0').replaceAll('/', '~1')

/** Most faults that are listed for one event. */
export const mostFaults = 50

// TypeBox stops after eight errors unless told otherwise; an unknown field makes two.
Settings.Set({ maxErrors: 2 * mostFaults })

/** A schema's errors as faults: each missing and each unknown field with a path of its own. No value is repeated. */
export function faultsOf(errors: Iterable<SchemaError>): Fault[] {
  const faults: Fault[] = []
  for (const { keyword, instancePath: path, message, params } of errors) {
    if (faults.length >= mostFaults) break
    if (keyword === 'required') {
      for (const name of (params as { requiredProperties: string[] }).requiredProperties)
        faults.push({ path: `${path}/${name}`, fault: 'is missing' })
    } else if (keyword === 'additionalProperties') {
      const fault = path === '' ? 'is not a field; what else is to be kept goes into "extra"' : 'is not a field'
      for (const name of (params as { additionalProperties: string[] }).additionalProperties.slice(0, mostFaults - faults.length))
        faults.push({ path: `${path}/${pointer(name)}`, fault })
    } else if (keyword === 'enum') {
      faults.push({ path, fault: `must be one of ${(params as { allowedValues: unknown[] }).allowedValues.join(', ')}` })
    } else if (keyword !== 'boolean') faults.push({ path, fault: message })
  }
  return faults
}
