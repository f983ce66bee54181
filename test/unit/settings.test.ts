import { describe, expect, test } from 'vitest'
import type { AssayError } from '../../services/shared/errors.ts'
import { checkSettings, defaultSettings, type Settings } from '../../services/shared/tidb/settings.ts'

const faultsOf = (settings: unknown): string[] => {
  try {
    checkSettings(settings)
  } catch (error) {
    expect(error).toMatchObject({ code: 'settings_invalid', status: 400 })
    return (error as AssayError).details.faults as string[]
  }
  return []
}
const changed = (change: Partial<Settings>) => ({ ...defaultSettings, ...change })

describe("a bank's settings", () => {
  test('are good by default', () => {
    expect(checkSettings(defaultSettings)).toBe(defaultSettings)
  })

  test('have thresholds that rise', () => {
    expect(faultsOf(changed({ thresholds: { challenge: 0.5, review: 0.3, decline: 0.8 } }))).toEqual([
      'thresholds must rise: challenge 0.5, review 0.3, decline 0.8',
    ])
    expect(faultsOf(changed({ thresholds: { challenge: 0.5, review: 0.5, decline: 0.5 } }))).toEqual([])
  })

  test('name a time zone that exists', () => {
    expect(faultsOf(changed({ zone: 'Mars/Olympus_Mons' }))).toEqual(["/zone 'Mars/Olympus_Mons' is not an IANA time zone"])
    expect(faultsOf(changed({ zone: 'Europe/Vienna' }))).toEqual([])
  })

  test('are refused with the path of every fault', () => {
    const faults = faultsOf({ ...defaultSettings, sampleRate: 2, baseCurrency: 'euro', escalation: [] })
    for (const path of ['/sampleRate', '/baseCurrency', '/escalation']) expect(faults.some((f) => f.startsWith(path))).toBe(true)
  })

  test('have no fields that nobody reads', () => {
    expect(faultsOf({ ...defaultSettings, treshold: 1 })).not.toEqual([])
  })
})
