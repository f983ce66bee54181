import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { hashOf, missingForFlink } from '../../bench/peers/build.ts'
import { flinkVersion } from '../../bench/peers/flink.ts'
import { peersPlots } from '../../bench/peers/plots.ts'
import { contenders, type Drain, type Round, ratesOf, ratiosOf, summarise, targetOf, turns } from '../../bench/peers/summary.ts'
import { less, visibility } from '../../bench/peers/words.ts'
import { svgOf } from '../../models/evaluation/svg.ts'
import { width } from '../../models/fold/features.ts'

const drain = (perSecond: number, more: Partial<Drain> = {}): Drain => ({
  ...{ perSecond, laterPerSecond: 2 * perSecond, cpuUs: { assay: 40, kafka: 3 }, rssPeakMb: 400, waits: [5, 6, 7] },
  ...more,
})
const round = (assay: number, flink: number, more: Partial<Drain> = {}): Round => ({
  Assay: drain(assay, more),
  'Flink at least once': drain(3 * flink, { cpuUs: { flink: 30, kafka: 3 } }),
  'Flink exactly once': drain(3 * flink, { cpuUs: { flink: 31, kafka: 3 } }),
  'Flink with TiDB': drain(flink, { cpuUs: { flink: 60, kafka: 3 } }),
})

test('a rate is of all records from the first to the last written, and of the later half, in whatever order they were read', () => {
  // One each 10 ms, then one each millisecond.
  const times = [...Array.from({ length: 100 }, (_, i) => i * 10), ...Array.from({ length: 100 }, (_, i) => 1000 + i)]
  const { perSecond, laterPerSecond } = ratesOf(times.toReversed())
  expect(perSecond).toBeCloseTo((200 * 1000) / 1099)
  expect(laterPerSecond).toBeCloseTo((100 * 1000) / 99)
})

test('each goes first in its turn, and nobody is left out', () => {
  expect(contenders.map((_, n) => turns(n)[0])).toEqual(contenders)
  for (let n = 0; n < 9; n++) expect(turns(n).toSorted()).toEqual(contenders.toSorted())
})

test('Assay is held against the Flink that writes rows, round by round, and the target against the median', () => {
  const ratio = ratiosOf([round(10_000, 10_000), round(5000, 10_000), round(18_000, 15_000)])
  expect(ratio).toEqual({ min: 0.5, median: 1, max: 1.2 })
  expect(targetOf(ratio)).toMatchObject({ value: 1, bound: 0.8, aim: 1.2, met: true })
  expect(targetOf({ min: 0.7, median: 0.79, max: 1.5 }).met).toBe(false)
})

test('rounds are put together by median, and a latency that was left out is absent', () => {
  const [assay, , , flink] = summarise([
    round(10_000, 9000, { cpuUs: { assay: 40, kafka: 2 }, waits: [1, 2, 3] }),
    round(12_000, 7000, { cpuUs: { assay: 60, kafka: 9 }, waits: [4, 5, 6] }),
    round(20_000, 8000, { cpuUs: { assay: 50, kafka: 3 }, waits: [7, 8, 9] }),
  ])
  expect(assay).toMatchObject({ perSecond: { min: 10_000, median: 12_000, max: 20_000 }, cpuUs: { assay: 50, kafka: 3 } })
  expect(assay.latencyMs?.p50).toEqual({ min: 2, median: 5, max: 8 })
  expect(flink).toMatchObject({ name: 'Flink with TiDB', perSecond: { min: 7000, median: 8000, max: 9000 } })
  expect(summarise([round(1, 1, { waits: [] })])[0]).not.toHaveProperty('latencyMs')
})

test('plots show every contender', async () => {
  const plots = peersPlots(summarise([round(10_000, 9000), round(12_000, 8000)]))
  expect(Object.keys(plots)).toEqual(['peers-rates', 'peers-cpu', 'peers-latency'])
  for (const plot of Object.values(plots)) {
    const svg = await svgOf(plot)
    for (const name of contenders) expect(svg).toContain(name)
  }
})

test('the job is built anew when a byte of its sources is another, and only then', () => {
  const directory = mkdtempSync(join(tmpdir(), 'assay-flink-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  cpSync('bench/peers/flink', directory, { recursive: true })
  const before = hashOf(directory)
  expect(before).toBe(hashOf('bench/peers/flink'))
  const pom = join(directory, 'pom.xml')
  writeFileSync(pom, readFileSync(pom, 'utf8').replace(`${flinkVersion}`, '1.20.0'))
  expect(hashOf(directory)).not.toBe(before)
})

test('without a JDK and Maven the message says what to install', () => {
  const path = process.env.PATH
  onTestFinished(() => {
    process.env.PATH = path
  })
  process.env.PATH = '/nowhere'
  expect(missingForFlink()).toMatch(/apt-get install openjdk-17-jdk-headless maven.* no command java, javac, mvn/)
})

test('it is said of each when a decision can be seen, and how much more Assay computes', () => {
  expect(Object.keys(visibility)).toEqual(contenders)
  expect(less).toContain(`15 features of one customer where Assay has ${width}`)
})
