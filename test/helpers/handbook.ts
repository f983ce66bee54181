/** Rows in the form of the fraud detection handbook's, and its features by slow and obvious counting. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { compareFeatures } from '../../infra/features/compare.ts'
import type { ReplayMap } from '../../infra/replay/map.ts'
import { readMap } from '../../infra/replay.ts'
import { type FeatureProfile, featuresOf, readFeatureProfile } from '../../models/columns/feature-profile.ts'

const day = 86_400_000
const start = Date.UTC(2018, 3, 1)

/** Puts files into a folder of the test's own; gives their paths. */
export function folder(files: Record<string, string | Buffer>): (name: string) => string {
  const directory = mkdtempSync(join(tmpdir(), 'columns-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content)
  return (name) => join(directory, name)
}

export type Row = { id: number; time: number; card: number; terminal: number; cents: number; fraud: number }

/** The same numbers each time. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Rows over 60 days in order of time; some at the same second, windows' edges included. */
export function rowsOf(count: number): Row[] {
  const next = random(7)
  const times = Array.from({ length: count }, () => start + (next(3) === 0 ? next(60) * day : next(60 * 86_400) * 1000)).sort(
    (a, b) => a - b,
  )
  return times.map((time, id) => ({ id, time, card: next(7), terminal: next(9), cents: next(20_000), fraud: next(10) === 0 ? 1 : 0 }))
}

const timeOf = (time: number) => new Date(time).toISOString().slice(0, 19).replace('T', ' ')
export const csvOf = (rows: readonly Row[]) =>
  `TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_TIME_SECONDS,TX_TIME_DAYS,TX_FRAUD,TX_FRAUD_SCENARIO\n${rows
    .map((r) => `${r.id},${timeOf(r.time)},${r.card},${r.terminal},${r.cents / 100},0,0,${r.fraud},0\n`)
    .join('')}`

/** The 14 features of the handbook, by its own words; of the card's rows at one time those above in the file. */
function slow(rows: readonly Row[], row: Row): Record<string, number> {
  const date = new Date(row.time)
  const values: Record<string, number> = {
    TX_DURING_WEEKEND: [0, 6].includes(date.getUTCDay()) ? 1 : 0,
    TX_DURING_NIGHT: date.getUTCHours() <= 6 ? 1 : 0,
  }
  for (const days of [1, 7, 30]) {
    const card = rows.filter((r) => r.card === row.card && r.id <= row.id && r.time > row.time - days * day)
    values[`CUSTOMER_ID_NB_TX_${days}DAY_WINDOW`] = card.length
    values[`CUSTOMER_ID_AVG_AMOUNT_${days}DAY_WINDOW`] = card.reduce((sum, r) => sum + r.cents, 0) / 100 / card.length
    const known = rows.filter((r) => r.terminal === row.terminal && r.time > row.time - (7 + days) * day && r.time <= row.time - 7 * day)
    values[`TERMINAL_ID_NB_TX_${days}DAY_WINDOW`] = known.length
    values[`TERMINAL_ID_RISK_${days}DAY_WINDOW`] = known.length === 0 ? 0 : known.filter((r) => r.fraud === 1).length / known.length
  }
  return values
}

export const handbookMap = readMap('infra/replay/maps/handbook.json')
export const handbookProfile = readFeatureProfile('models/columns/profiles/handbook.json')
export const handbookNames = featuresOf(handbookProfile, 7 * day).map((f) => f.name)

/** The features of the rows from that one on as a file of the handbook's. `change` may falsify them. */
export function publishedOf(
  rows: readonly Row[],
  from: number,
  change: (row: Row, values: Record<string, number>) => void = () => undefined,
): string {
  const lines = rows.slice(from).map((row) => {
    const values = slow(rows, row)
    change(row, values)
    return `${row.id},${handbookNames.map((name) => values[name]).join(',')}`
  })
  return `TRANSACTION_ID,${handbookNames.join(',')}\n${lines.join('\n')}\n`
}

/** Compares the two files of a folder. */
export const compareIn = (at: (name: string) => string, map: ReplayMap = handbookMap, profile: FeatureProfile = handbookProfile) =>
  compareFeatures({ transactions: at('transactions.csv.gz'), published: [at('features.csv')], map, profile, progress: () => undefined })
