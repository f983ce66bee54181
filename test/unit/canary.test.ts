import { expect, test } from 'vitest'
import { firedBy } from '../../services/detector/canary/guards.ts'
import { isOfCanary } from '../../services/detector/canary/share.ts'
import { type Compared, createWindow, type Side } from '../../services/detector/canary/window.ts'

const limits = { minutes: 15, rows: 500, alertRatio: 2, scoreShift: 0.25, latencyRatio: 3, errorShare: 0.01 }
const side = (overrides: Partial<Side> = {}): Side => ({
  rows: 1000,
  alerts: 20,
  tenths: new Uint32Array(10).fill(100),
  milliseconds: [],
  ...overrides,
})
const fired = (canary: Partial<Side>, champion: Partial<Side> = {}, more: Partial<Compared> = {}) =>
  firedBy({ canary: side(canary), champion: side({ rows: 19_000, alerts: 380, ...champion }), asked: 1000, failed: 0, ...more }, limits)

test('a canary decides for about its share of the customers, always the same ones, and a larger share adds to them', () => {
  const customers = Array.from({ length: 20_000 }, (_, i) => `c-${i}`)
  const of = (share: number, tenant = 'bank') => customers.filter((customer) => isOfCanary(tenant, customer, share))
  expect(of(0.05).length).toBeGreaterThan(850)
  expect(of(0.05).length).toBeLessThan(1150)
  expect(of(0.05)).toEqual(of(0.05))
  const [few, many] = [new Set(of(0.05)), new Set(of(0.2))]
  expect([...few].every((customer) => many.has(customer))).toBe(true)
  expect(of(0.05, 'other').filter((customer) => few.has(customer)).length).toBeLessThan(150)
})

test('alerts that are more or fewer than chance would make them fire, and neither a few nor small differences do', () => {
  expect(fired({})).toBeUndefined()
  expect(fired({ alerts: 70 })).toMatchObject({
    guard: 'alert_rate',
    figures: expect.stringMatching(/7 % of its 1000 .* 2 % of the champion's 19000/),
  })
  expect(fired({ rows: 4000, alerts: 8, tenths: new Uint32Array(10).fill(400) })).toMatchObject({ guard: 'alert_rate' })
  // Half as many again.
  expect(fired({ rows: 10_000, alerts: 300, tenths: new Uint32Array(10).fill(1000) })).toBeUndefined()
  // Three times as many of very few.
  expect(fired({ alerts: 6 }, { alerts: 38 })).toBeUndefined()
  // Twice as many, by chance once in a hundred looks.
  expect(fired({ rows: 500, alerts: 20 })).toBeUndefined()
  // Too few rows to say.
  expect(fired({ rows: 400, alerts: 300 })).toBeUndefined()
  // None are not infinitely fewer, whatever the limit.
  expect(
    firedBy(
      { canary: side({ alerts: 0 }), champion: side({ rows: 19_000, alerts: 380 }), asked: 1000, failed: 0 },
      { ...limits, alertRatio: 50 },
    ),
  ).toBeUndefined()
  // No alerts at all on either side.
  expect(fired({ alerts: 0 }, { alerts: 0 })).toBeUndefined()
})

test('scores that lie in other tenths than those of the champion fire, whatever the tenths are', () => {
  const skewed = Uint32Array.of(10, 10, 10, 10, 10, 10, 10, 10, 20, 900)
  expect(fired({ tenths: skewed })).toMatchObject({ guard: 'score_shift' })
  // A bank that has just begun has all its scores in the upper ones.
  expect(fired({ tenths: skewed }, { tenths: skewed })).toBeUndefined()
  expect(fired({ tenths: new Uint32Array(10) })).toBeUndefined()
})

test('a canary that takes too long fires, unless that is nothing that anybody would notice', () => {
  const calls = (ms: number, many = 40) => Array<number>(many).fill(ms)
  expect(fired({ milliseconds: calls(40) }, { milliseconds: calls(2) })).toMatchObject({ guard: 'latency' })
  expect(fired({ milliseconds: calls(4) }, { milliseconds: calls(0.5) })).toBeUndefined()
  expect(fired({ milliseconds: calls(40) }, { milliseconds: calls(20) })).toBeUndefined()
  expect(fired({ milliseconds: calls(40, 20) }, { milliseconds: calls(2, 20) })).toBeUndefined()
  // A pause now and then is not the model's.
  expect(fired({ milliseconds: [...calls(500, 10), ...calls(1)] }, { milliseconds: calls(1, 50) })).toBeUndefined()
})

test('a canary that gives no scores fires before it has decided anything', () => {
  const nothing = side({ rows: 0, alerts: 0, tenths: new Uint32Array(10) })
  expect(firedBy({ canary: nothing, champion: side(), asked: 30, failed: 30 }, limits)).toMatchObject({ guard: 'errors' })
  expect(fired({}, {}, { asked: 4, failed: 4 })).toBeUndefined()
  expect(fired({}, {}, { asked: 10_000, failed: 20 })).toBeUndefined()
})

test('what lies further back than the window is forgotten', () => {
  let now = 0
  const window = createWindow(15, () => now)
  const minute = 60_000
  for (; now < 40 * minute; now += minute) {
    const slice = window.now()
    slice.canary.rows += 1
    slice.champion.tenths[3] += 2
    window.timed(now / minute, 1)
  }
  now -= minute
  const { canary, champion } = window.sum()
  expect([canary.rows, champion.tenths[3]]).toEqual([15, 30])
  expect(canary.milliseconds).toEqual(Array.from({ length: 15 }, (_, i) => 25 + i))
  now += 20 * minute
  expect(window.sum().canary.rows).toBe(0)
})
