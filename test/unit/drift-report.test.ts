import { describe, expect, it } from 'vitest'
import { type SimulatedEvent, simulate } from '../../infra/simulator/simulate.ts'
import { foldStream } from '../../models/data/from-simulator.ts'
import { binsOf } from '../../models/drift/bins.ts'
import { Outcomes } from '../../models/drift/calibration.ts'
import { Counts, countRows } from '../../models/drift/counts.ts'
import { driftOfData } from '../../models/drift/data.ts'
import { dayIndex, dayStart, daysBetween, wholeDaysBefore } from '../../models/drift/days.ts'
import { type ColumnDrift, driftOf } from '../../models/drift/psi.ts'
import { calibrationWords, driftPage, driftRows, driftWords } from '../../models/drift/report.ts'
import { loadScorer } from '../../models/scorer.ts'

const day = 86_400_000

describe('days of a bank', () => {
  const iso = (times: readonly number[]) => times.map((time) => new Date(time).toISOString())

  it('begin at midnight of its zone, in weeks with 23, 24 and 25 hours a day too', () => {
    expect(iso([dayStart(Date.parse('2026-01-10T03:00:00Z'), 'America/New_York')])).toEqual(['2026-01-09T05:00:00.000Z'])
    // On 29 March clocks are put forward in Berlin, on 25 October back.
    for (const [at, from, to] of [
      ['2026-03-31T10:00:00Z', '2026-03-23T23:00:00.000Z', '2026-03-30T22:00:00.000Z'],
      ['2026-10-27T10:00:00Z', '2026-10-19T22:00:00.000Z', '2026-10-26T23:00:00.000Z'],
    ]) {
      const week = wholeDaysBefore(Date.parse(at), 'Europe/Berlin')
      expect(iso([week.from, week.to])).toEqual([from, to])
      expect(daysBetween(week.from, week.to, 'Europe/Berlin')).toHaveLength(7)
    }
  })

  it('hold each instant once, and begin where they are asked to', () => {
    const from = Date.parse('2026-05-04T15:20:00Z')
    const starts = daysBetween(from, from + 2 * day, 'Asia/Kolkata')
    expect(iso(starts)).toEqual(['2026-05-04T15:20:00.000Z', '2026-05-04T18:30:00.000Z', '2026-05-05T18:30:00.000Z'])
    expect([from, starts[1] - 1, starts[1], starts[2], from + 2 * day - 1].map((time) => dayIndex(starts, time))).toEqual([0, 0, 1, 2, 2])
  })
})

it('calibration is the mean score beside the share of frauds, rows counting by their weights', () => {
  const outcomes = new Outcomes()
  expect(outcomes.calibration({ from: 0, to: day })).toBeUndefined()
  for (let i = 0; i < 90; i++) outcomes.add(0.1, i < 6)
  outcomes.add(0.1, true, 10)
  const found = outcomes.calibration({ from: 0, to: day })
  expect(found).toMatchObject({ from: '1970-01-01T00:00:00.000Z', rows: 91, frauds: 7 })
  expect(found?.meanScore).toBeCloseTo(0.1)
  expect(found?.fraudShare).toBeCloseTo(0.16)
  expect(found?.ece).toBeCloseTo(0.06)
})

describe('drift of the shipped model, told', () => {
  const size = { transactions: 6000, customers: 150, days: 91 }
  const start = Date.UTC(2025, 0, 6)
  const change = (events: Iterable<SimulatedEvent>): SimulatedEvent[] =>
    [...events].map((e): SimulatedEvent => {
      if (e.topic !== 'transactions' || e.at < start + 63 * day) return e
      const { device: _, ...event } = e.event
      return { ...e, event }
    })
  const data = foldStream(change(simulate({ seed: 5, tenant: 'told', start, resends: 0, ...size })), size.transactions)

  it('counts missing devices by their flag, in all features that look at a device, and no others', () => {
    const rows = (from: number, to: number) =>
      Uint32Array.from([...data.times.keys()].filter((row) => data.times[row] >= start + from * day && data.times[row] < start + to * day))
    const bins = binsOf({ ...data, rows: rows(0, 63), scores: new Float32Array(0) })
    const counts = new Counts(bins, data.features)
    countRows({ matrix: data.matrix, rows: rows(63, 91) }, () => counts)
    const { features } = driftOf(counts, 63 * day) as { features: ColumnDrift[] }
    const lost = features.filter(({ missing }) => missing && missing.now === 1)
    expect(lost.map(({ name }) => name)).toEqual(expect.arrayContaining(['new_device', 'devices_30d', 'device_count_30d']))
    expect(lost.filter(({ name }) => !name.includes('device'))).toEqual([])
    for (const { missing } of lost) expect(missing?.before).toBeLessThan(0.9)
    expect(features.find(({ name }) => name === 'amount')?.missing).toEqual({ before: 0, now: 0 })
  })

  it('is the same whether days are counted together or one by one, and is written as sentences, a table and a page', async () => {
    const scorer = await loadScorer('models/default', { backend: 'wasm' })
    const from = start + 63 * day
    const watched = driftOfData(data, scorer, { name: '<script>', from, to: from + 14 * day })
    const short = driftOfData(data, scorer, { name: 'short', from, to: from + 9 * day })
    scorer.stop()
    const all = new Counts(scorer.manifest.bins, data.features)
    const rows = Uint32Array.from([...data.times.keys()].filter((row) => data.times[row] >= from && data.times[row] < from + 14 * day))
    countRows({ matrix: data.matrix, rows }, () => all)
    const { features } = driftOf(all, 63 * day) as { features: ColumnDrift[] }
    expect(watched).toMatchObject({ rows: rows.length, transactions: rows.length, drift: { verdict: 'drifting', features } })
    expect(watched.days).toHaveLength(14)
    expect(watched.days.reduce((sum, { rows: n }) => sum + n, 0)).toBe(rows.length)
    expect(watched.calibration?.rows).toBeGreaterThan(1000)

    expect(driftWords(watched).join(' ')).toMatch(/beside what model default was trained on: drifting\. .* warming up and raise nothing\.$/)
    expect(driftWords(short).at(-1)).toContain('not whole weeks')
    expect(calibrationWords(watched)).toMatch(/^Calibration, 2025-02-24 00:00 to 2025-03-24 00:00 UTC: .* times the share of frauds/)
    expect(driftRows(watched, 12)).toHaveLength(14)
    const page = await driftPage(watched)
    expect(page).toContain('&#60;script&#62;')
    expect(page).not.toContain('<script')
    expect(page.match(/<svg /g)?.length).toBeGreaterThanOrEqual(4)
    expect(page).not.toMatch(/NaN|undefined/)
  })
})
