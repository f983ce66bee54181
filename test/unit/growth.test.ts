import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { copyOf } from '../../bench/growth/copies.ts'
import { customersFor } from '../../bench/growth/heavy.ts'
import { batchesBetween, totalsIn } from '../../bench/growth/metrics.ts'
import { doingsOf } from '../../bench/growth/people.ts'
import { growthPlots } from '../../bench/growth/plots.ts'
import { riseOf, slopeOf } from '../../bench/growth/slope.ts'
import { risesOf, type SoakMinute } from '../../bench/growth/soak.ts'
import { bytesIn } from '../../bench/growth/storage.ts'
import { targetsOf } from '../../bench/growth/targets.ts'
import { phasesOf } from '../../bench/scale/rebalance.ts'
import { pointOf, targetsOf as scaleTargetsOf } from '../../bench/scale/scale.ts'
import { isShared, sharesOf, unfairness } from '../../bench/scale/shares.ts'
import { svgOf } from '../../models/evaluation/svg.ts'

test('a trend is found whatever a few values do', () => {
  fc.assert(
    fc.property(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 9, max: 30 }), fc.nat(), (slope, length, place) => {
      const values = Array.from({ length }, (_, i) => 1000 + slope * i)
      values[place % length] = 1e6
      expect(slopeOf(values)).toBeCloseTo(slope, 6)
    }),
  )
  expect(riseOf([100, 101, 102, 103, 104])).toBeCloseTo(4 / 102, 3)
  expect(riseOf([500, 500, 900, 500, 500])).toBe(0)
})

const minute = (at: number, memory: number, p50: number): SoakMinute => ({
  ...{ minute: at, sent: 60, decided: 60, p50, p95: 2 * p50, p99: 3 * p50, max: 4 * p50 },
  ...{ rssMb: { assay: memory }, cpuUs: {} },
})

test('the first fifth of a soak, in which memory fills, does not count', () => {
  const soak = [200, 400, 600, 600, 600, 600, 600, 600, 600, 600].map((memory, i) => minute(i + 1, memory, 10))
  expect(risesOf(soak)).toEqual({ memory: 0, p50: 0, p95: 0 })
  expect(risesOf(soak.map((_, i) => minute(i, 500 + 50 * i, 10))).memory).toBeGreaterThan(0.4)
})

test('the same people do other things at another time, under other ids', () => {
  const people = { seed: 5, customers: 40 }
  const of = (mark: string, from: number) =>
    [...doingsOf('bank', people, { transactions: 400, from, to: from - 3, mark, resends: 0.1 })].map((d) => d)
  const [before, after] = [of('h', 20), of('b', 5)]
  const customers = (doings: typeof before) => new Set(doings.map((d) => d.event.customer))
  const met = [...customers(after)].filter((c) => customers(before).has(c))
  expect(met.length).toBeGreaterThan(30)
  expect(before.filter((d) => !d.resend)).toHaveLength(400)
  const ids = new Set([...before, ...after].map((d) => d.event.id))
  expect(ids.size).toBe(800)
  expect(Math.max(...before.map((d) => Date.parse(d.event.time)))).toBeLessThan(Math.min(...after.map((d) => Date.parse(d.event.time))))
})

test('a copy of a customer has another name, and the heavier customers are, the fewer there are', () => {
  expect([copyOf('c1', 0), copyOf('c1', 7)]).toEqual(['c1', '7.c1'])
  expect([10, 1000, 10_000, 100_000].map(customersFor)).toEqual([20, 20, 10, 2])
})

test('batches are told by what a detector counts', () => {
  const text = (batches: number, seconds: number, records: number) =>
    `# HELP x\nassay_detector_record_seconds_sum ${seconds}\nassay_detector_record_seconds_count ${batches}\nassay_detector_batch_records_sum ${records}\n`
  const from = totalsIn(text(10, 0.5, 1000))
  expect(from).toEqual({ batches: 10, seconds: 0.5, records: 1000 })
  expect(batchesBetween(from, totalsIn(text(30, 1.5, 9000)))).toEqual({ ms: 50, records: 400 })
})

test('the bytes of a folder are those that its files have on the disk, without room that is only reserved', () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-growth-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'a', 'b'), { recursive: true })
  writeFileSync(join(folder, 'x'), Buffer.alloc(100_000, 1))
  writeFileSync(join(folder, 'a', 'b', 'y'), Buffer.alloc(300_000, 1))
  writeFileSync(join(folder, 'reserved'), '')
  truncateSync(join(folder, 'reserved'), 1e9)
  expect(bytesIn(folder)).toBeGreaterThanOrEqual(400_000)
  expect(bytesIn(folder)).toBeLessThan(500_000)
  expect(bytesIn(join(folder, 'none'))).toBe(0)
})

const spread = (median: number) => ({ min: median, median, max: median })
const half = (median: number) => ({ perSecond: spread(median), cpuUs: { assay: 90 }, batchMs: 40, batchRecords: 500 })
const rowsPoint = (rows: number, cold: number, warm: number) => ({
  ...{ rows, customers: 1, copiedPerSecond: 0, cold: half(cold), warm: half(warm), rssPeakMb: spread(300) },
})
const memory = [
  { customers: 100_000, each: 47.6, rssMb: 400, peakMb: 440, perSecond: 1, cpuUs: {} },
  { customers: 100_000, each: 9.8, rssMb: 300, peakMb: 500, perSecond: 1, cpuUs: {} },
  { customers: 500_000, each: 10.4, rssMb: 500, peakMb: 1300, perSecond: 1, cpuUs: {} },
]

test('throughput beside stored rows is judged by that beside none, and memory at the two shapes that were agreed', () => {
  const targets = targetsOf({
    rows: [rowsPoint(0, 9000, 10_000), rowsPoint(1_000_000, 7500, 9000), rowsPoint(10_000_000, 5000, 7900)],
    memory,
  })
  expect(targets.map(({ value, met }) => [value, met])).toEqual([
    [440, true],
    [1300, false],
    [10_000, true],
    [7500, true],
    [0.79, false],
  ])
})

test('what was not measured has no target', () => {
  expect(targetsOf({})).toEqual([])
  expect(targetsOf({ restart: { rows: 10, seconds: spread(9) } }).map((t) => t.met)).toEqual([true])
})

test('the plots of growth show what was measured', async () => {
  const soak = {
    highest: 8000,
    perSecond: 4000,
    customers: 1,
    minutes: [minute(1, 300, 10), minute(2, 310, 11)],
    rise: { memory: 0, p50: 0, p95: 0 },
  }
  const plots = growthPlots({ rows: [rowsPoint(0, 1, 2), rowsPoint(1_000_000, 1, 2)], memory, soak })
  const svgs = await Promise.all(Object.values(plots).map(svgOf))
  for (const [i, text] of ['1,000,000', '500,000', '4,000 transactions'].entries()) expect(svgs[i]).toContain(text)
  expect(growthPlots({})).toEqual({})
})

test('partitions are shared out when as many detectors as there are have them, none more than one more', () => {
  const held = (owners: string) => [...owners].map((owner) => ({ owner, decided: 10 }))
  expect(isShared(held('aabb'), 4, 2)).toBe(true)
  expect(isShared(held('aaab'), 4, 2)).toBe(false)
  expect(isShared(held('aabb'), 4, 3)).toBe(false)
  expect(isShared(held('aab'), 4, 2)).toBe(false)
  expect(isShared(held('aabbb'), 5, 2)).toBe(true)
})

test('shares are parts of all that was decided; one is fair when all are the same', () => {
  const shares = sharesOf([
    { owner: 'a', decided: 30 },
    { owner: 'b', decided: 50 },
    { owner: 'a', decided: 20 },
  ])
  expect(shares).toEqual([0.5, 0.5])
  expect(unfairness(shares)).toBe(1)
  expect(unfairness([0.75, 0.25])).toBe(1.5)
})

const shared = (us: number, share: number) => ({
  ...{ perSecond: 5000, cpuUs: { assay: us, tidb: 100 }, shares: [share, 1 - share], cpuShares: [0.5, 0.5], rssMb: [200, 220] },
})
const phase = (max: number) => ({ name: '', sent: 1, decided: 1, latencyMs: { p50: 1, p95: 1, p99: 1, p999: 1, max } })

test('many detectors are judged by what a transaction costs against one, by shares, and by the longest wait of a change', () => {
  const points = [pointOf(1, [{ ...shared(100, 1), shares: [1] }]), pointOf(4, [shared(160, 0.5), shared(200, 0.6), shared(180, 0.55)])]
  expect(points[1]).toMatchObject({
    cpuUs: { assay: 180 },
    cpuUsTogether: { min: 260, median: 280, max: 300 },
    rssMb: { min: 200, max: 220 },
  })
  const come = { perSecond: 1, secondsEach: 1, again: 0, phases: [phase(99_999), phase(700), phase(12_000)] }
  expect(scaleTargetsOf(points, come).map(({ value, met }) => [value, met])).toEqual([
    [1.4, false],
    [1.1, true],
    [12_000, false],
  ])
})

test('a transaction belongs to the phase in which it was due, and one that is not decided is missing there', () => {
  const phases = phasesOf(
    { ids: ['a', '', 'b', 'c', 'd'], due: Float64Array.of(1000, 1500, 2100, 3500, 9000) },
    { decided: new Map([...'abd'].map((id, i) => [id, { at: [1010, 2400, 9005][i], alert: false }])) },
    1000,
  )
  expect(phases.map((p) => [p.sent, p.decided, p.latencyMs?.max])).toEqual([
    [1, 1, 10],
    [1, 1, 300],
    [2, 1, 5],
  ])
})
