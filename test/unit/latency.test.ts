import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mountOf } from '../../bench/conditions.ts'
import { arrivals } from '../../bench/latency/arrivals.ts'
import { drawn } from '../../bench/latency/command.ts'
import { linesOf, pointOf, segmentOf } from '../../bench/latency/segments.ts'
import { cpuPlot, latencyPlot } from '../../bench/plots.ts'
import { atLeast, atMost, lineOf } from '../../bench/targets.ts'
import { svgOf } from '../../models/evaluation/svg.ts'

test('arrivals are as many as the rate says, rise, and are the same for the same seed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 3 }), fc.nat(1000), (perSecond, seconds, seed) => {
      const due = arrivals(perSecond, seconds, seed)
      expect(due).toHaveLength(perSecond * seconds)
      expect(due).toEqual(arrivals(perSecond, seconds, seed))
      expect(due.every((at, i) => i === 0 || at >= due[i - 1])).toBe(true)
    }),
    { numRuns: 20 },
  )
})

test('arrivals are a Poisson stream: gaps have the mean of the rate, and spread as much as their mean', () => {
  const due = arrivals(1000, 50, 7)
  const gaps = [...due].map((at, i) => at - (due[i - 1] ?? 0))
  const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length
  const deviation = Math.sqrt(gaps.reduce((a, b) => a + (b - mean) ** 2, 0) / gaps.length)
  expect(mean).toBeCloseTo(1, 1)
  expect(deviation / mean).toBeCloseTo(1, 1)
})

const sent = {
  perSecond: 100,
  ids: ['a', 'b', '', 'c'],
  due: Float64Array.of(1000, 1010, 1020, 1030),
  sent: Float64Array.of(1000.5, 1030, 1030, 1030),
  cpuUs: { assay: 90 },
}
const taken = {
  decided: new Map([
    ['a', { at: 1006, alert: false }],
    ['b', { at: 1050, alert: true }],
    ['of before', { at: 900, alert: true }],
  ]),
  alerted: new Map([['b', 1052.25]]),
}

test('a transaction is counted from when it was due, however late it was sent; a resend is not waited for', () => {
  expect(segmentOf(sent, taken)).toEqual({
    perSecond: 100,
    sent: 3,
    decided: [6, 40],
    alerted: [42.25],
    alerts: 1,
    lateness: [0.5, 20, 10, 0],
    cpuUs: { assay: 90 },
  })
})

test('the runs of a rate become the median of their percentiles; what was late or not decided is counted over all', () => {
  const once = segmentOf(sent, taken)
  const point = pointOf([once, { ...once, decided: [8], alerted: [], alerts: 0, cpuUs: { assay: 110 } }, { ...once, decided: [10, 12] }])
  expect(point).toMatchObject({ sent: 9, decided: 5, alerts: 2, alerted: 2, late: 3, cpuUs: { assay: 90 } })
  expect(point.toDecision.p50).toEqual({ min: 6, median: 8, max: 10 })
  expect(point.toDecision.max).toEqual({ min: 8, median: 12, max: 40 })
  expect(point.toAlert).toMatchObject({ p50: 42.3, p99: 42.3 })
  expect(linesOf(point).join('\n')).toContain('100/s: 9 sent, 5 decided, 2 of 2 alerts, 3 sent late')
})

test('without an alert there is no latency to one, and none is drawn', () => {
  const point = pointOf([{ ...segmentOf(sent, taken), alerted: [] }])
  expect(point.toAlert).toBeUndefined()
  expect(linesOf(point).join('\n')).toContain('there was none')
  expect(drawn([point]).map((p) => p.to)).toEqual(['decision', 'decision', 'decision'])
})

test('the plots are SVG with what they show', async () => {
  const point = pointOf([segmentOf(sent, taken)])
  const svg = await svgOf(latencyPlot(drawn([point, { ...point, perSecond: 4000 }]), 'Latency by rate'))
  for (const text of ['<svg', 'Latency by rate', 'p99.9', '4,000', 'alert']) expect(svg).toContain(text)
  expect(await svgOf(cpuPlot({ assay: 61, tidb: 70 }, 'CPU'))).toContain('tidb')
})

test('the disk is that of the innermost file system that holds the path', () => {
  const mounts = '/dev/vda / ext4 rw 0 0\n/dev/vdb /work xfs rw 0 0\n/dev/vdc /work/other ext4 rw 0 0\ntmpfs /wor tmpfs rw 0 0\n'
  expect(mountOf('/work/bench', mounts)).toBe('xfs on /dev/vdb')
  expect(mountOf('/srv', mounts)).toBe('ext4 on /dev/vda')
  expect(mountOf('/srv', '')).toBe('unknown')
})

test('a target is met at its bound, from whichever side is better', () => {
  expect(lineOf(atLeast('rate', 10, 10, 20))).toBe('met     rate: 10 (at least 10, aim 20)')
  expect(lineOf(atMost('ms', 10.1, 10, 5))).toBe('NOT MET ms: 10.1 (at most 10, aim 5)')
})
