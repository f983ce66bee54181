import { expect, test } from 'vitest'
import { costsOf, judge } from '../../bench/speed/costs.ts'

const round = ({ assay = 90, slow = 1 } = {}) => ({
  decided: { assay: assay * slow, kafka: 10 * slow, tidb: 70 * slow, redis: 10 * slow },
  passed: { bench: 12 * slow, kafka: 8 * slow, tidb: 1 * slow, redis: 0 },
  inserted: { bench: 18 * slow, kafka: 1 * slow, tidb: 42 * slow, redis: 0 },
})

test('a cost is held against the yardsticks, each by the processes that it needs', () => {
  expect(costsOf([round()])).toEqual({
    detector: { us: 90, yardstickUs: 30, ratio: 3 },
    all: { us: 180, yardstickUs: 80, ratio: 2.25 },
  })
})

test('servers whose CPU time nobody knows are an error, not a cost of nothing', () => {
  expect(() => costsOf([{ ...round(), inserted: { bench: 18 } }])).toThrow('is not known')
  expect(() => costsOf([{ ...round(), passed: { bench: 12 } }])).toThrow('is not known')
})

test('rounds that something disturbed change nothing, so long as half were quiet', () => {
  const disturbed = [round({ assay: 400 }), round(), round(), round({ slow: 3 })]
  expect(costsOf(disturbed)).toEqual(costsOf([round()]))
  expect(costsOf([round({ assay: 90 }), round({ assay: 96 }), round({ assay: 400 }), round({ assay: 500 })]).detector.us).toBe(93)
})

test('a machine that is slower by half fails nothing; a detector that costs a fifth more does', () => {
  const before = costsOf([round()])
  expect(judge(costsOf([round({ slow: 1.5 })]), before).map(({ rise, met }) => [rise, met])).toEqual([
    [0, true],
    [0, true],
  ])
  expect(judge(costsOf([round({ assay: 108 })]), before)).toEqual([
    { cost: 'detector', ratio: 3.6, committed: 3, rise: 0.2, met: false },
    { cost: 'all', ratio: 2.475, committed: 2.25, rise: 0.1, met: true },
  ])
  // What became cheaper is never a fault.
  expect(judge(costsOf([round({ assay: 45 })]), before).every((j) => j.met)).toBe(true)
})
