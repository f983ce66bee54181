/** The simulated bank: valid, in order, repeatable, honest. */
import fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { expect, test } from 'vitest'
import { fraudKinds } from '../../infra/simulator/frauds.ts'
import { iso } from '../../infra/simulator/iso.ts'
import { type SimulatedEvent, type SimulateOptions, simulate } from '../../infra/simulator/simulate.ts'
import { topics } from '../../services/shared/events.ts'
import { areaUnderCurve, logisticRegression, rawFields } from '../helpers/logistic.ts'

const start = Date.UTC(2026, 2, 1)
const day = 86_400_000
const play = (options: Partial<SimulateOptions> = {}) => [...simulate({ seed: 3, tenant: 'bank', transactions: 20_000, start, ...options })]
const distinct = (events: readonly SimulatedEvent[]) => events.filter((e) => e.topic === 'transactions' && !e.resend)

test('20,000 transactions and all that goes with them are valid, in order of arrival, and just so many', () => {
  const schemas = {
    transactions: Compile(topics.transactions.schema),
    outcomes: Compile(topics.outcomes.schema),
    parties: Compile(topics.parties.schema),
    labels: Compile(topics.labels.schema),
  }
  const events = play()
  expect(events.filter((e) => !schemas[e.topic].Check(e.event))).toEqual([])
  expect(events.every((e, i) => i === 0 || e.at >= events[i - 1].at)).toBe(true)
  const ids = new Set(distinct(events).map((e) => (e.event as { id: string }).id))
  expect([distinct(events).length, ids.size]).toEqual([20_000, 20_000])
})

test('The same seed and start give the same bytes, another seed others', () => {
  const bytes = (seed: number) => JSON.stringify(play({ seed, transactions: 2000 }))
  expect(bytes(5)).toBe(bytes(5))
  expect(bytes(6)).not.toBe(bytes(5))
})

test('One in a hundred is sent again byte for byte, about half of them within a minute', () => {
  const sent = new Map<string, { at: number; bytes: string }>()
  const delays: number[] = []
  for (const e of play()) {
    if (e.topic !== 'transactions') continue
    if (!e.resend) sent.set(e.event.id, { at: e.at, bytes: JSON.stringify(e.event) })
    else {
      const first = sent.get(e.event.id)
      expect(JSON.stringify(e.event)).toBe(first?.bytes)
      delays.push(e.at - (first?.at ?? 0))
    }
  }
  expect(delays.length / 20_000).toBeCloseTo(0.01, 2)
  const soon = delays.filter((d) => d <= 60_000).length / delays.length
  expect(soon).toBeGreaterThan(0.38)
  expect(soon).toBeLessThan(0.62)
})

test('Frauds of all kinds are about half a percent, and nothing in an event says so', () => {
  const events = distinct(play({ transactions: 60_000 }))
  const frauds = events.filter((e) => e.fraud)
  expect(new Set(frauds.map((e) => e.fraud))).toEqual(new Set(fraudKinds))
  expect(frauds.length / events.length).toBeGreaterThan(0.0025)
  expect(frauds.length / events.length).toBeLessThan(0.008)
  expect(frauds.every((e) => !JSON.stringify(e.event).includes('fraud'))).toBe(true)
})

test('Labels come days later, and some of them are wrong', () => {
  const events = play({ customers: 500, fraudRate: 0.02 })
  const truth = new Map(distinct(events).map((e) => [(e.event as { id: string }).id, e.fraud]))
  const labels = events.flatMap((e) => (e.topic === 'labels' ? [e.event] : []))
  const delays = labels.map((l) => Date.parse(l.knownAt) - Date.parse(l.happenedAt)).sort((a, b) => a - b)
  expect(delays[delays.length >> 1]).toBeGreaterThan(2 * day)
  const wrong = labels.filter((l) => (truth.get(l.transaction) === undefined) === (l.value === 'fraud'))
  expect(wrong.length).toBeGreaterThan(0)
  expect(wrong.length / labels.length).toBeLessThan(0.2)
})

test('Over two months about a third of the customers are new, and nobody pays before the bank knows them', () => {
  const known = new Map<string, number>()
  const opened: number[] = []
  for (const e of play({ transactions: 20_000, customers: 300, days: 60 })) {
    if (e.topic === 'parties' && e.event.instrument === undefined) {
      known.set(e.event.customer, e.at)
      if (e.at > start) opened.push(e.at - Date.parse(e.event.opened ?? ''))
    } else if (e.topic === 'transactions') expect(known.get(e.event.customer as string)).toBeLessThanOrEqual(e.at)
  }
  expect(opened.length / known.size).toBeGreaterThan(0.2)
  expect(opened.length / known.size).toBeLessThan(0.3)
  expect(new Set(opened)).toEqual(new Set([0]))
})

test.each([100, 5000, 20_000])('%i transactions played fast end at about now and lie within the days asked for', (transactions) => {
  for (const days of [undefined, 7]) {
    const now = Date.now()
    const times = distinct(play({ transactions, start: undefined as never, ...(days ? { days } : {}) })).map((e) => e.at)
    expect(Math.max(...times.slice(-1))).toBeLessThanOrEqual(Date.now())
    expect(times.at(-1)).toBeGreaterThan(now - (days ?? 3) * 0.5 * day)
    if (days) expect(times[0]).toBeGreaterThanOrEqual(now - days * day)
  }
})

test('Live, transactions come at the rate asked for from the start on', () => {
  const events = distinct(play({ transactions: 3000, live: { rate: 50 } }))
  const last = events[events.length - 1].at
  expect((last - start) / 1000).toBeGreaterThan(54)
  expect((last - start) / 1000).toBeLessThan(66)
})

test('Honest customers pay from changing and shared addresses, and half of the thieves come through addresses that were used before', () => {
  const customersAt = new Map<string, Set<string>>()
  const addressesOf = new Map<string, Set<string>>()
  const add = (map: Map<string, Set<string>>, key: string, value: string) => map.set(key, (map.get(key) ?? new Set()).add(value))
  const fresh = { honest: { all: 0, first: 0 }, stolen: { all: 0, first: 0 } }
  const stolen = new Set(['card_testing', 'takeover', 'merchant_breach'])
  for (const [i, e] of distinct(play({ transactions: 60_000, customers: 800, days: 60, fraudRate: 0.02 })).entries()) {
    const { ip, customer } = e.event as { ip?: string; customer: string }
    if (ip === undefined) continue
    const told = e.fraud === undefined ? fresh.honest : stolen.has(e.fraud) ? fresh.stolen : undefined
    if (told && i > 30_000) {
      told.all++
      if (!customersAt.has(ip)) told.first++
    }
    add(customersAt, ip, customer)
    if (!e.fraud) add(addressesOf, customer, ip)
  }
  const share = ({ all, first }: { all: number; first: number }) => first / all
  expect(share(fresh.honest)).toBeGreaterThan(0.05)
  expect(share(fresh.honest)).toBeLessThan(0.2)
  expect(share(fresh.stolen)).toBeGreaterThan(0.2)
  expect(share(fresh.stolen)).toBeLessThan(0.5)
  expect([...customersAt.values()].filter((c) => c.size > 20).length).toBeGreaterThan(10)
  const several = [...addressesOf.values()].filter((a) => a.size > 2).length
  expect(several / addressesOf.size).toBeGreaterThan(0.7)
})

test('Who pays at a till names neither device nor address, whoever it is', () => {
  const atTills = distinct(play({ fraudRate: 0.02 })).filter((e) => ['pos', 'atm'].includes((e.event as { channel: string }).channel))
  expect(atTills.filter((e) => e.fraud).length).toBeGreaterThan(100)
  expect(atTills.filter((e) => 'ip' in e.event || 'device' in e.event)).toEqual([])
})

test('A logistic regression on the raw fields is of some use and stays far from perfect', () => {
  const events = distinct(play({ transactions: 120_000, fraudRate: 0.01 }))
  const rows = events.map((e) => ({ x: rawFields(e.event as never), y: e.fraud ? 1 : 0 }))
  const middle = Math.floor(rows.length * 0.6)
  const predict = logisticRegression(rows.slice(0, middle))
  const auc = areaUnderCurve(rows.slice(middle).map(({ x, y }) => ({ score: predict(x), y })))
  process.stderr.write(`AUC of a logistic regression on raw fields: ${auc.toFixed(3)}\n`)
  expect(auc).toBeGreaterThan(0.6)
  expect(auc).toBeLessThan(0.93)
})

test('Times are written as Date writes them, before 1970 too', () => {
  const times = fc.integer({ min: -4e12, max: 4e12 })
  fc.assert(
    fc.property(times, fc.integer({ min: 0, max: 200_000 }), (a, near) => {
      for (const time of [a, a + near, a]) expect(iso(time)).toBe(new Date(time).toISOString())
    }),
  )
})
