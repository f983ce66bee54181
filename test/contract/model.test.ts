import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Manifest, modelFolder, readModel } from '../../models/artefact.ts'
import { loadBackend } from '../../models/backend.ts'
import { cardOf } from '../../models/card.ts'
import { featureNames, featureSetHash } from '../../models/fold/features.ts'

const directory = 'models/default'
const manifest = JSON.parse(readFileSync(`${directory}/manifest.json`, 'utf8')) as Manifest

describe('the model that ships', () => {
  it('has the features of this version and the bytes that its manifest names', async () => {
    expect(manifest.features).toEqual(featureNames)
    expect(manifest.featureSet).toBe(featureSetHash)
    await loadBackend('wasm')
    const { model } = await readModel(modelFolder(directory))
    expect(model.inputs[0].shape).toEqual([null, featureNames.length])
    model.dispose()
  })

  it('has a card that says what its manifest says', () => {
    expect(readFileSync(`${directory}/MODEL_CARD.md`, 'utf8')).toBe(cardOf(manifest))
  })

  it('was trained on a bank that nobody plays, beats the logistic regression beside it, and is calibrated', () => {
    const { network, logisticRegression, baseRate } = manifest.figures
    expect(manifest.data.seed).toBeGreaterThanOrEqual(9001)
    expect(network.ap).toBeGreaterThan(logisticRegression.ap)
    expect(network.auc).toBeGreaterThan(logisticRegression.auc)
    expect(network.ece).toBeLessThan(baseRate / 2)
    expect(network.meanOverBase).toBeGreaterThan(0.8)
    expect(network.meanOverBase).toBeLessThan(1.25)
  })
})
