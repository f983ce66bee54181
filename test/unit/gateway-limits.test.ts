import { expect, test } from 'vitest'
import { createLimits } from '../../services/gateway/limits.ts'
import type { AssayError } from '../../services/shared/errors.ts'
import { createTelemetry } from '../../services/shared/telemetry.ts'

const megabyte = 1024 * 1024

function limits() {
  const clock = { now: 1_000_000 }
  const telemetry = createTelemetry('test', 'silent')
  return { ...createLimits(telemetry, () => clock.now), clock, telemetry }
}

/** What entering was refused with: code, status and the seconds to wait. */
function refusal(enter: () => unknown): [string, number, unknown] | undefined {
  try {
    enter()
    return undefined
  } catch (error) {
    const { code, status, details } = error as AssayError
    return [code, status, details.retryAfter]
  }
}

test('a bank may send a second’s events at once, and then waits as long as they would have taken', () => {
  const { enter, spend, wait, clock } = limits()
  enter('a', 100, 100)()
  spend('a', 100, 100)
  expect(refusal(() => enter('a', 100, 100)())).toBeUndefined()
  // An array is taken in whole, however many are in it.
  spend('a', 250, 100)
  expect(wait('a')).toBe(2500)
  expect(refusal(() => enter('a', 100, 100))).toEqual(['too_many_events', 429, 3])
  expect(refusal(() => enter('b', 100, 100)())).toBeUndefined()
  clock.now += 3000
  expect([wait('a'), refusal(() => enter('a', 100, 100)())]).toEqual([0, undefined])
  // What was not sent in a quiet hour is not saved up.
  clock.now += 3_600_000
  spend('a', 201, 100)
  expect(wait('a')).toBe(1010)
})

test('what is not answered yet is bounded for each bank, and for all together', () => {
  const { enter } = limits()
  const leaves = Array.from({ length: 16 }, () => enter('a', megabyte, 1000))
  expect(refusal(() => enter('a', 1, 1000))).toEqual(['too_much_at_once', 429, 1])
  for (const bank of 'bcdef') for (let n = 0; n < 16; n++) enter(bank, megabyte, 1000)
  expect(refusal(() => enter('g', 1, 1000))).toEqual(['too_busy', 503, undefined])
  leaves[0]()
  expect(refusal(() => enter('a', megabyte, 1000))).toBeUndefined()
  expect(refusal(() => enter('g', 1, 1000))).toEqual(['too_busy', 503, undefined])
})

test('many small requests count more than their bytes', () => {
  const { enter } = limits()
  let entered = 0
  while (refusal(() => enter('a', 0, 1000)) === undefined) entered++
  expect(entered).toBe(1024)
})

test('refusals are counted by bank and by limit', async () => {
  const { enter, spend, note, telemetry } = limits()
  spend('a', 10_000, 100)
  refusal(() => enter('a', 1, 100))
  refusal(() => enter('a', 1, 100))
  note('b', 'requests')
  const told = await telemetry.metrics.metrics()
  expect(told).toContain('assay_gateway_limited_total{tenant="a",limit="events"} 2')
  expect(told).toContain('assay_gateway_limited_total{tenant="b",limit="requests"} 1')
})
