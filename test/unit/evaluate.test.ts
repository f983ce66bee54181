import { expect, it } from 'vitest'
import { simulate } from '../../infra/simulator/simulate.ts'
import { evaluate } from '../../models/commands/evaluate.ts'
import { foldStream } from '../../models/data/from-simulator.ts'
import { reportOf } from '../../models/evaluation/report.ts'

it('judges the shipped model on a simulated bank, beside itself, and writes a page', async () => {
  const size = { transactions: 3000, customers: 100, days: 30 }
  const data = foldStream(simulate({ seed: 5, tenant: '<b>', start: Date.UTC(2025, 0, 6), resends: 0, ...size }), size.transactions, {
    source: '<script>',
  })
  const folder = 'models/default'
  const found = await evaluate(data, { model: folder, against: folder, testShare: 1 }, () => undefined)
  const { auc, ap } = found.figures
  expect(found.frauds).toBeGreaterThan(5)
  expect(auc.value).toBeGreaterThan(0.7)
  expect(auc.low).toBeLessThanOrEqual(auc.value)
  expect(ap.high).toBeGreaterThanOrEqual(ap.value)
  expect(found.differences?.ap).toMatchObject({ value: 0, low: 0, high: 0, above: 0 })
  expect(found.precisionRecall.at(-1)?.recall).toBe(1)

  const channels = found.parts.filter((part) => part.segment === 'channel')
  expect(channels.reduce((sum, part) => sum + part.rows, 0)).toBe(found.rows)
  const kinds = found.parts.filter((part) => part.segment === 'kind of fraud')
  expect(kinds.reduce((sum, part) => sum + part.frauds, 0)).toBe(found.frauds)

  const page = await reportOf(found)
  expect(page).toContain('&#60;script&#62;')
  expect(page).not.toContain('<script')
  expect(page.match(/<svg /g)).toHaveLength(4)
  expect(page).not.toContain('NaN')
})

it('refuses data with other features than the model has', async () => {
  const data = { ...foldStream([], 1), featureSet: 'other' }
  await expect(evaluate(data, { model: 'models/default' }, () => undefined)).rejects.toMatchObject({ code: 'model_misfit' })
})
