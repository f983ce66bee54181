import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fraud, unknown } from '../../models/data/dataset.ts'
import { type Past, suggestThresholds, type Wish } from '../../models/thresholds/suggest.ts'

type Row = { score: number; label: number; weight: number; amount: number }

const past = (rows: Row[], days: number): Past => ({
  scores: Float64Array.from(rows, (r) => r.score),
  labels: Uint8Array.from(rows, (r) => r.label),
  weights: rows.map((r) => r.weight),
  amounts: rows.map((r) => r.amount),
  days,
})
const wish: Wish = {
  costs: { missedFraudShare: 1, review: 500 },
  challengePrecision: 0.05,
  declinePrecision: 0.9,
  inForce: { challenge: 0.1, review: 0.3, decline: 0.8 },
}
const block = (count: number, score: number, label: number, amount = 10_000): Row[] =>
  Array.from({ length: count }, () => ({ score, label, weight: 1, amount }))

/** The same by looking at all rows again for each threshold. */
function slowly(rows: Row[], days: number, { costs, budget, challengePrecision, declinePrecision, inForce }: Wish) {
  const sum = (of: number[]) => of.reduce((a, b) => a + b, 0)
  const above = (from: number, before = Number.POSITIVE_INFINITY) => rows.filter((r) => r.score >= from && r.score < before)
  const known = (of: Row[]) => of.filter((r) => r.label !== unknown).length
  const caught = (of: Row[]) => sum(of.filter((r) => r.label === fraud).map((r) => r.weight))
  const lost = (of: Row[]) => sum(of.filter((r) => r.label === fraud).map((r) => r.weight * r.amount))
  const share = (of: Row[]) => Math.min(1, caught(of) / known(of))
  const rising = [...new Set(rows.map((r) => r.score))].sort((a, b) => a - b)
  const net = (t: number) => lost(above(t)) * costs.missedFraudShare - above(t).length * costs.review
  const most = Math.max(...rising.map(net))
  const review =
    budget === undefined
      ? most > 0
        ? Math.max(...rising.filter((t) => net(t) === most))
        : undefined
      : rising.find((t) => above(t).length / days <= budget)
  if (review === undefined) return undefined
  const ofFrauds = rising.filter((t) => rows.some((r) => r.score === t && r.label === fraud))
  const decline = ofFrauds.find((t) => t >= review && known(above(t)) >= 20 && share(above(t)) >= declinePrecision)
  const challenge = ofFrauds.find((t) => t < review && share(above(t, review)) >= challengePrecision)
  const at = (t: number) => ({
    alerts: above(t).length,
    fraudsCaught: caught(above(t)),
    saved: Math.round(lost(above(t)) * costs.missedFraudShare),
    cost: above(t).length * costs.review,
  })
  const thresholds = { challenge: challenge ?? review, review, decline: decline ?? Math.max(inForce.decline, review) }
  return { thresholds, suggested: at(review), inForce: at(inForce.review), at }
}

test('a slow version suggests the same, by budget and by costs', () => {
  const row = fc.record({
    score: fc.integer({ min: 0, max: 12 }).map((n) => n / 12),
    label: fc.constantFrom(0, 0, 0, fraud, fraud, unknown),
    weight: fc.constantFrom(1, 1, 1, 4),
    amount: fc.integer({ min: 0, max: 2000 }),
  })
  const given = fc.record({
    rows: fc.array(row, { maxLength: 100 }),
    days: fc.integer({ min: 1, max: 9 }),
    budget: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
    challengePrecision: fc.constantFrom(0.05, 0.3, 0.6),
    declinePrecision: fc.constantFrom(0.4, 0.7, 1),
  })
  fc.assert(
    fc.property(given, ({ rows: some, days, ...choices }) => {
      const rows = [...some, ...block(50, 0.5, fraud, 700)]
      const asked = { ...wish, ...choices }
      const expected = slowly(rows, days, asked)
      const made = () => suggestThresholds(past(rows, days), asked)
      if (!expected) {
        expect(made).toThrow(/more than|no threshold/)
        return
      }
      const { at, ...rest } = expected
      const answer = made()
      expect(answer).toMatchObject(rest)
      for (const { threshold, alertsPerDay, saved, cost } of answer.curve)
        expect([alertsPerDay * days, saved, cost]).toEqual([
          expect.closeTo(at(threshold).alerts, 6),
          at(threshold).saved,
          at(threshold).cost,
        ])
    }),
    { numRuns: 200 },
  )
})

test('the three thresholds of a plain case, and what they would have changed', () => {
  const rows = [
    ...block(60, 0.9, fraud),
    ...block(2, 0.9, 0),
    ...block(20, 0.6, fraud),
    ...block(60, 0.6, 0),
    ...block(10, 0.2, fraud),
    ...block(90, 0.2, 0),
    ...block(5000, 0.01, 0),
  ]
  const answer = suggestThresholds(past(rows, 10), { ...wish, budget: 15, inForce: { challenge: 0.5, review: 0.7, decline: 0.95 } })
  expect(answer.thresholds).toEqual({ challenge: 0.2, review: 0.6, decline: 0.9 })
  expect(answer.suggested).toMatchObject({ alerts: 142, alertsPerDay: 14.2, fraudsCaught: 80, declined: 62, genuineDeclined: 2 })
  expect(answer.suggested).toMatchObject({ challenged: 100, fraudsChallenged: 10, recall: 80 / 90, saved: 800_000, cost: 71_000 })
  expect(answer.inForce).toMatchObject({ alerts: 62, fraudsCaught: 60, declined: 0, challenged: 80, saved: 600_000, cost: 31_000 })
  expect(suggestThresholds(past(rows, 10), { ...wish, costs: { missedFraudShare: 1, review: 4000 } }).thresholds.review).toBe(0.9)
  expect(answer.notes).toEqual([])
})

test('where precision is never reached decline stays, nothing is challenged, and both are said', () => {
  const answer = suggestThresholds(past([...block(50, 0.5, fraud), ...block(100, 0.5, 0), ...block(100, 0.1, 0)], 1), {
    ...wish,
    budget: 150,
  })
  expect(answer.thresholds).toEqual({ challenge: 0.5, review: 0.5, decline: 0.8 })
  expect(answer.notes).toHaveLength(2)
})

test('too few frauds, a budget below the highest score and reviews that never pay are refused by name', () => {
  const ask = (rows: Row[], more: Partial<Wish> = {}) => suggestThresholds(past(rows, 1), { ...wish, ...more })
  const code = (name: string) => expect.objectContaining({ code: name })
  expect(() => ask(block(49, 0.5, fraud))).toThrow(code('frauds_too_few'))
  expect(() => ask([])).toThrow(code('frauds_too_few'))
  expect(() => ask(block(50, 0.5, fraud), { budget: 49 })).toThrow(code('budget_too_small'))
  expect(() => ask(block(50, 0.5, fraud, 500))).toThrow(code('review_never_pays'))
})
