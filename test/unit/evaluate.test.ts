import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { simulate } from '../../infra/simulator/simulate.ts'
import { type Manifest, modelFolder, readModel } from '../../models/artefact.ts'
import { cardOf, writeCard } from '../../models/card.ts'
import { describe } from '../../models/commands/card.ts'
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

it('writes what it found into the manifest, and a card with plots that says the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-card-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const file of ['model.json', 'weights.bin', 'manifest.json']) cpSync(join('models/default', file), join(folder, file))
  const size = { transactions: 20_000, customers: 350, days: 60 }
  const data = foldStream(
    simulate({ seed: 6, tenant: 'b', start: Date.UTC(2025, 0, 6), resends: 0, fraudRate: 0.02, ...size }),
    size.transactions,
  )
  const manifest = await describe(folder, data, () => undefined)
  await writeCard(folder, manifest)

  const { manifest: stored, model } = await readModel(modelFolder(folder))
  model.dispose()
  expect(stored).toEqual(JSON.parse(JSON.stringify(manifest)))
  const { figures, parts, precisionRecall } = stored.judgement as NonNullable<Manifest['judgement']>
  expect(figures.ap.low).toBeLessThan(figures.ap.value)
  expect(precisionRecall.length).toBeLessThan(100)
  const leans = stored.leansOn as NonNullable<Manifest['leansOn']>
  expect(leans.map(({ share }) => share)).toEqual(leans.map(({ share }) => share).sort((a, b) => b - a))
  expect(leans.reduce((sum, { share }) => sum + share, 0)).toBeLessThan(1.001)

  const card = readFileSync(join(folder, 'MODEL_CARD.md'), 'utf8')
  expect(card).toBe(cardOf(stored))
  expect(card).not.toMatch(/NaN|null|undefined/)
  expect(parts.filter((p) => p.intervals).every((p) => card.includes(`| ${p.segment}: ${p.value} |`))).toBe(true)
  const shown = [...card.matchAll(/\]\((.*\.svg)\)/g)].map(([, file]) => readFileSync(join(folder, file), 'utf8'))
  expect(shown).toHaveLength(4)
  for (const svg of shown) expect(svg).toMatch(/^<svg /)
})

it('refuses data with other features than the model has', async () => {
  const data = { ...foldStream([], 1), featureSet: 'other' }
  await expect(evaluate(data, { model: 'models/default' }, () => undefined)).rejects.toMatchObject({ code: 'model_misfit' })
})
