/** `npm run model --` on a data set that nothing here was made for: a map and a profile are all that it needs. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { simulate } from '../../infra/simulator/simulate.ts'
import type { Manifest } from '../../models/artefact.ts'

const run = promisify(execFile)
const model = (...args: string[]) => run(process.execPath, ['infra/bootstrap.mjs', 'models/main.ts', ...args], { maxBuffer: 2 ** 24 })

const inBerlin = new Intl.DateTimeFormat('de-DE', {
  timeZone: 'Europe/Berlin',
  ...{ day: '2-digit', month: '2-digit', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' },
})

/** Two years of card payments as another bank would write them: other columns and forms, no devices, no addresses. */
function otherBank(transactions: number): string {
  const stream = simulate({
    seed: 4711,
    tenant: 'other',
    transactions,
    customers: 700,
    days: 730,
    start: Date.UTC(2023, 0, 2),
    resends: 0,
    fraudRate: 0.02,
  })
  const lines: string[] = []
  for (const e of stream) {
    if (e.topic !== 'transactions' || e.event.currency !== 'EUR' || e.event.counterparty === undefined || e.event.direction === 'credit')
      continue
    const { id, instrument, customer, counterparty, category, amount, time, channel, place } = e.event
    const when = inBerlin.format(Date.parse(time)).replace(', ', ' ')
    const cells = [id, instrument, customer, counterparty, category ?? '', (amount / 100).toFixed(2).replace('.', ','), when]
    lines.push(
      `${time}|${[...cells, channel === 'pos' ? 'P' : 'X', place?.lat ?? '', place?.lon ?? '', e.fraud ? 'ja' : 'nein', e.fraud ?? ''].join(';')}`,
    )
  }
  const sorted = lines.sort().map((line) => line.slice(line.indexOf('|') + 1))
  return `Beleg;Karte;Kunde;Haendler;Sparte;Betrag;Zeitpunkt;Weg;Breite;Laenge;Betrug;Art\n${sorted.join('\n')}\n`
}

const map = {
  format: 'csv',
  delimiter: ';',
  transaction: {
    id: { column: 'Beleg' },
    kind: { constant: 'authorization' },
    direction: { constant: 'debit' },
    instrument: { column: 'Karte' },
    customer: { column: 'Kunde' },
    counterparty: { column: 'Haendler' },
    category: { column: 'Sparte' },
    amount: { column: 'Betrag', decimal: ',' },
    currency: { constant: 'EUR' },
    time: { column: 'Zeitpunkt', format: 'dd.MM.yyyy HH:mm:ss', zone: 'Europe/Berlin' },
    channel: { column: 'Weg', values: { P: 'pos', X: 'ecommerce' } },
    'place.lat': { column: 'Breite' },
    'place.lon': { column: 'Laenge' },
  },
  label: { column: 'Betrug', values: { ja: 'fraud' }, delayDays: 10, source: 'chargeback', kind: 'Art' },
}

test('a data set of another bank, two years of it, is learnt by its map and a profile alone, and better than by a logistic regression', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-other-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const at = (name: string) => join(folder, name)
  writeFileSync(at('payments.csv.gz'), gzipSync(otherBank(60_000)))
  writeFileSync(at('map.json'), JSON.stringify(map))
  const source = ['--file', at('payments.csv.gz'), '--map', at('map.json'), '--profile', 'models/columns/profiles/card-payments.json']
  const { stdout } = await model(
    'train',
    ...source,
    '--out',
    at('model'),
    '--name',
    'other',
    '--by',
    'ana',
    '--backend',
    'wasm',
    '--epochs',
    '6',
    '--json',
  )
  const manifest = JSON.parse(stdout.trimEnd().split('\n').at(-1) as string) as Manifest
  const { network, logisticRegression, baseRate } = manifest.figures
  expect(manifest.features).toContain('counterparty_genuine_since')
  expect(network.frauds).toBeGreaterThan(50)
  expect(network.ap).toBeGreaterThan(logisticRegression.ap)
  expect(network.ap).toBeGreaterThan(5 * baseRate)
  expect(network.auc).toBeGreaterThan(0.8)
  await expect(model('train', ...source, '--out', at('none'), '--profile', at('map.json'), '--backend', 'wasm')).rejects.toThrow(
    /map.json has faults/,
  )
}, 120_000)

test('a file whose label is among what it is learnt from is refused by the name of the column or of the feature', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-leak-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const at = (name: string) => join(folder, name)
  const rows = Array.from({ length: 6000 }, (_, i) => {
    const fraud = (i * 7919) % 10 === 3
    const time = new Date(Date.UTC(2025, 0, 1) + i * 3_600_000).toISOString()
    return `${i},card-${i % 90},shop-${i % 31},${fraud ? 900 + (i % 50) : 5 + (i % 97)},${time},${fraud ? 1 : 0}`
  })
  writeFileSync(at('payments.csv'), `id,card,shop,refunded,when,fraud\n${rows.join('\n')}\n`)
  const leaking = {
    format: 'csv',
    transaction: {
      id: { column: 'id' },
      kind: { constant: 'authorization' },
      direction: { constant: 'debit' },
      instrument: { column: 'card' },
      counterparty: { column: 'shop' },
      amount: { column: 'refunded' },
      currency: { constant: 'EUR' },
      time: { column: 'when', format: 'rfc3339' },
    },
    label: { column: 'fraud', values: { 1: 'fraud' }, delayDays: 10, source: 'chargeback' },
  }
  const train = (planted: object) => {
    writeFileSync(at('map.json'), JSON.stringify(planted))
    return model('train', '--file', at('payments.csv'), '--map', at('map.json'), '--out', at('model'), '--backend', 'wasm')
  }
  await expect(train(leaking)).rejects.toThrow(/amount \(AUC 1\.0000\).* alone tells fraud from genuine/)
  const byColumn = { ...leaking, transaction: { ...leaking.transaction, category: { template: 'mcc-{fraud}' } } }
  await expect(train(byColumn)).rejects.toThrow(/The map takes category from fraud/)
})
