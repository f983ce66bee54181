/** Features that look ahead, planted in a data set that has none of them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { checkMap } from '../../infra/replay/map.ts'
import type { Columns } from '../../models/columns/columns.ts'
import type { FeatureProfile } from '../../models/columns/feature-profile.ts'
import { createColumnFold } from '../../models/columns/fold.ts'
import { readColumns } from '../../models/columns/read.ts'
import { datasetOfColumns } from '../../models/data/from-columns.ts'
import { checkNoFuture } from '../../models/data/leaks.ts'
import { MatrixWriter } from '../../models/data/matrix.ts'

const hour = 3_600_000

const map = checkMap({
  format: 'csv',
  transaction: {
    id: { column: 'id' },
    kind: { constant: 'authorization' },
    direction: { constant: 'debit' },
    instrument: { column: 'card' },
    counterparty: { column: 'shop' },
    amount: { column: 'amount' },
    currency: { constant: 'EUR' },
    time: { column: 'when', format: 'rfc3339' },
  },
  label: { column: 'fraud', values: { 1: 'fraud' }, delayDays: 10, source: 'chargeback' },
})

const profile: FeatureProfile = {
  features: [
    { kind: 'registered', names: ['amount', 'count_24h', 'amount_over_median', 'counterparty_frauds_30d', 'counterparty_genuine_since'] },
    { kind: 'count', name: 'shop_{window}', of: 'counterparty', windows: ['1d', '30d'] },
    { kind: 'fraud_share', name: 'shop_share_{window}', of: 'counterparty', windows: ['7d'] },
    { kind: 'genuine_since', name: 'shop_genuine', of: 'counterparty', windows: ['28d'] },
  ],
}

async function columns(): Promise<Columns> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-leaks-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const rows = Array.from({ length: 4000 }, (_, i) => {
    const time = new Date(Date.UTC(2025, 0, 1) + Math.floor(i / 2) * hour).toISOString()
    return `${i},card-${(i * 31) % 57},shop-${(i * i) % 23},${(i * 37) % 900},${time},${(i * 7919) % 11 === 3 ? 1 : 0}`
  })
  writeFileSync(join(folder, 'payments.csv'), `id,card,shop,amount,when,fraud\n${rows.join('\n')}\n`)
  return readColumns(join(folder, 'payments.csv'), map)
}

/** The features of the profile and one more. */
function check(of: Columns, planted: (of: Columns, row: number) => number): void {
  const foldOf = (some: Columns) => {
    const { fold } = createColumnFold(some, profile)
    return (row: number, out: Float32Array, start: number) => {
      fold(row, out, start)
      out[start + names.length - 1] = planted(some, row)
    }
  }
  const names = [...createColumnFold(of, profile).features.map((f) => f.name), 'planted']
  const writer = new MatrixWriter(names.length)
  const fold = foldOf(of)
  for (let row = 0; row < of.rows; row++) {
    fold(row, writer.row.out, writer.row.start)
    writer.next()
  }
  checkNoFuture(of, names, writer.finish(), foldOf)
}

const leak = { code: 'feature_from_future', details: { features: ['planted'] } }
const thrown = (act: () => void): unknown => {
  try {
    act()
  } catch (error) {
    return error
  }
  return undefined
}

it('features of the registry and of profiles do not change when all later rows are removed', async () => {
  const of = await columns()
  const data = datasetOfColumns(of, profile, {}, 3)
  expect(data.rows).toBe(4000)
  expect(datasetOfColumns(of, undefined, {}, 3).rows).toBe(4000)
})

it('one that looks at the next row, at how many there are, or at labels that are not known yet is found by its name', async () => {
  const of = await columns()
  expect(thrown(() => check(of, ({ amounts }, row) => amounts[Math.max(0, row - 1)]))).toBeUndefined()
  expect(thrown(() => check(of, ({ amounts }, row) => amounts[row + 1] ?? 0))).toMatchObject(leak)
  expect(thrown(() => check(of, ({ rows }, row) => row / rows))).toMatchObject(leak)
  expect(thrown(() => check(of, ({ frauds }, row) => frauds[row]))).toMatchObject(leak)
  expect(thrown(() => check(of, ({ frauds }, row) => frauds[Math.max(0, row - 1)]))).toMatchObject(leak)
  // Labels of eleven days ago are known after ten.
  expect(thrown(() => check(of, ({ frauds }, row) => frauds[Math.max(0, row - 11 * 48)]))).toBeUndefined()
})
