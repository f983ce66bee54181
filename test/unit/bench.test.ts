import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cpuSeconds, cpuSecondsIn, peakMemory, percentilesOf, spreadOf } from '../../bench/process.ts'

test('the spread of an even number of runs has its median between the two in the middle', () => {
  expect(spreadOf([4, 1, 3, 2])).toEqual({ min: 1, median: 3, max: 4 })
  expect(spreadOf([7])).toEqual({ min: 7, median: 7, max: 7 })
  expect(spreadOf([100, 9, 20])).toEqual({ min: 9, median: 20, max: 100 })
})

test('percentiles are values that were measured, by nearest rank', () => {
  const values = Array.from({ length: 1000 }, (_, i) => 1000 - i)
  expect(percentilesOf(values)).toEqual({ p50: 500, p95: 950, p99: 990, p999: 999, max: 1000 })
  expect(percentilesOf([5])).toEqual({ p50: 5, p95: 5, p99: 5, p999: 5, max: 5 })
})

test('percentiles rise, and the greatest is the maximum, whatever was measured', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100_000), { minLength: 1 }), (values) => {
      const { p50, p95, p99, p999, max } = percentilesOf(values)
      expect([p50, p95, p99, p999, max]).toEqual([p50, p95, p99, p999, max].toSorted((a, b) => a - b))
      expect(max).toBe(Math.max(...values))
    }),
  )
})

test('nothing measured is an error, not a latency of zero', () => {
  expect(() => percentilesOf([])).toThrow('nothing was measured')
})

test('the CPU time of a process is read past a name with spaces and brackets', () => {
  const stat = '4711 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 11 0 99 1 2'
  expect(cpuSecondsIn(stat)).toBe(2)
})

test('this process has used CPU and memory; one that is gone has no figure', () => {
  expect(cpuSeconds(process.pid)).toBeGreaterThan(0)
  expect(peakMemory(process.pid)).toBeGreaterThan(10)
  expect(cpuSeconds(2 ** 30)).toBeNaN()
})
