import { expect, onTestFinished, test } from 'vitest'
import { type Dataset, fraud, genuine, labelsAsKnown, unknown } from '../../models/data/dataset.ts'
import { readDataset } from '../../models/data/from-database.ts'
import { featureSetHash, width } from '../../models/fold/features.ts'
import { packVector } from '../../models/fold/vector-bytes.ts'
import type { Decided } from '../../services/detector/batch.ts'
import { insertDecided, prepareForWriting } from '../../services/detector/record/insert.ts'
import type { Label, Transaction } from '../../services/shared/events.ts'
import { saveSettings } from '../../services/shared/tidb/settings.ts'
import { type Bank, bank } from '../helpers/bank.ts'
import { decided } from '../helpers/decided.ts'
import { unique } from '../helpers/servers.ts'
import { transaction } from '../helpers/transactions.ts'
import { bitsOf, vectorOf } from '../helpers/vectors.ts'

const day = 86_400_000
/** The rows lie on both sides of the end of a month. */
const start = Date.UTC(2026, 5, 28)
const at = start + 100 * day

/** A vector that no other row has, with a zero that is negative. */
const vector = (n: number): Buffer =>
  packVector(
    Float32Array.from({ length: width }, (_, i) => (i === 0 ? -0 : Math.sin(n + i))),
    0,
    width,
  )

const row = (
  b: Bank,
  id: string,
  days: number,
  place: { partition?: number; log?: number; offset: number },
  { drawn, ...event }: Partial<Transaction> & { drawn?: number } = {},
): Decided => {
  const t = transaction(b.name, { id, time: new Date(start + days * day).toISOString(), ...event })
  const made = decided(t, place.offset, { features: vector(days * 1000), ...(drawn && { sampled: true, sampleProbability: drawn }) })
  return { ...made, raw: { ...made.raw, partition: place.partition ?? 0, log: place.log ?? 0 } }
}

async function insert(b: Bank, rows: Decided[], featureSet = featureSetHash): Promise<void> {
  const connection = await b.database.connect()
  onTestFinished(() => connection.destroy())
  await prepareForWriting(connection)
  for (let i = 0; i < rows.length; i += 500) await insertDecided(connection, rows.slice(i, i + 500), Buffer.from(featureSet, 'hex'))
  await connection.query('COMMIT')
}

type Said = [transaction: string, days: number, value: Label['value'], source: Label['source'], id?: string, received?: number]
const say = (b: Bank, said: Said[]): Promise<unknown> =>
  b.database.execute('INSERT INTO labels (tenant, transaction_id, known_at, id, value, source, happened_at, received) VALUES ?', [
    said.map(([id, days, value, source, own, received = 0]) => {
      const known = start + days * day
      return [b.name, id, known, own ?? unique('l-'), value, source, start, start + received * day]
    }),
  ] as never)

const rowOf = (data: Dataset, place: number): string => {
  const out = new Float32Array(width)
  data.matrix.read(place, place + 1, out)
  return bitsOf(out)
}

test('rows come by time with the features that were recorded, whatever partition, log and page they lie in', async () => {
  const b = await bank()
  const many = Array.from({ length: 2100 }, (_, i) =>
    row(b, `a-${i}`, ((i * 11) % 2100) / 100, { offset: i * 3 }, { customer: `c-${i % 50}` }),
  )
  const others = [
    row(b, 'b-0', 0.005, { partition: 2, log: 1, offset: 0 }, { channel: 'ecommerce' }),
    row(b, 'b-1', 20.995, { partition: 2, log: 0, offset: 70 }, { country: 'FR' }),
    row(b, 'late', 100, { partition: 3, offset: 0 }),
  ]
  await insert(b, [...many, ...others])
  await say(b, [
    ...many.map((r): Said => [r.id, 30, 'genuine', 'rule']),
    ['b-0', 31, 'fraud', 'chargeback'],
    ['b-1', 32, 'fraud', 'customer'],
    ['nobody', 30, 'fraud', 'analyst'],
    ['late', 30, 'fraud', 'analyst'],
  ])
  const data = await readDataset(b.database, { tenants: [b.name], at })
  onTestFinished(() => data.matrix.close())
  const expected = [...many, ...others.slice(0, 2)].sort((x, y) => x.time - y.time)
  expect(data.rows).toBe(2102)
  expect([...data.times]).toEqual(expected.map((r) => r.time))
  expect(expected.filter((r, place) => rowOf(data, place) !== bitsOf(vectorOf(r.features)))).toEqual([])
  expect(new Set(data.cards).size).toBe(51)
  const nameAt = (name: string, place: number) => {
    const segment = data.segments.find((s) => s.name === name)
    return segment?.values[segment.codes[place]]
  }
  expect([0, 1, 2101].map((place) => [nameAt('channel', place), nameAt('country', place)])).toEqual([
    ['pos', 'DE'],
    ['ecommerce', 'DE'],
    ['pos', 'FR'],
  ])
  const labels = labelsAsKnown(data, at)
  expect([labels[1], labels[2101]]).toEqual([fraud, fraud])
  expect(labels.filter((label) => label === genuine)).toHaveLength(2100)
  expect(data.description).toMatchObject({ rows: 2102, frauds: 2, labels: 2102, labelsOfUnknownTransactions: 1 })

  const part = await readDataset(b.database, { tenants: [b.name], at, from: start + 2 * day, to: start + 3 * day })
  onTestFinished(() => part.matrix.close())
  expect([...part.times]).toEqual(expected.map((r) => r.time).filter((t) => t >= start + 2 * day && t < start + 3 * day))
  expect(part.labels.rows).toHaveLength(100)
})

test('the weightiest source is believed, silence is genuine once mature, and only a fraud that was found by drawing weighs more', async () => {
  const b = await bank()
  const names = 'charged overruled unclear drawn-fraud drawn-genuine drawn-reported drawn-rarely silent of-one-instant later'.split(' ')
  const drawn: Record<string, number> = { 'drawn-fraud': 0.01, 'drawn-genuine': 0.01, 'drawn-reported': 0.01, 'drawn-rarely': 1e-6 }
  await insert(b, [
    ...names.map((name, i) => row(b, name, i, { offset: i }, drawn[name] ? { drawn: drawn[name] } : {})),
    row(b, 'young', 60, { offset: 10 }),
  ])
  await say(b, [
    ['charged', 40, 'fraud', 'chargeback'],
    ['charged', 50, 'genuine', 'analyst'],
    ['overruled', 20, 'fraud', 'rule'],
    ['overruled', 10, 'genuine', 'customer'],
    ['unclear', 12, 'fraud', 'rule'],
    ['unclear', 15, 'inconclusive', 'analyst'],
    ['drawn-fraud', 4, 'fraud', 'analyst'],
    ['drawn-genuine', 5, 'genuine', 'analyst'],
    ['drawn-reported', 6, 'fraud', 'analyst'],
    ['drawn-reported', 30, 'fraud', 'chargeback'],
    ['drawn-rarely', 7, 'fraud', 'analyst'],
    ['of-one-instant', 9, 'genuine', 'analyst', 'said-2'],
    ['of-one-instant', 9, 'fraud', 'analyst', 'said-1'],
    ['later', 101, 'fraud', 'chargeback'],
  ])
  const data = await readDataset(b.database, { tenants: [b.name], at })
  onTestFinished(() => data.matrix.close())
  const known = Object.fromEntries([...names, 'young'].map((name, i) => [name, [labelsAsKnown(data, at)[i], data.weights[i]]]))
  expect(known).toEqual({
    charged: [fraud, 1],
    overruled: [genuine, 1],
    unclear: [unknown, 1],
    'drawn-fraud': [fraud, 100],
    'drawn-genuine': [genuine, 1],
    'drawn-reported': [fraud, 1],
    'drawn-rarely': [fraud, 2000],
    silent: [genuine, 1],
    'of-one-instant': [genuine, 1],
    later: [genuine, 1],
    young: [unknown, 1],
  })
  expect([...labelsAsKnown(data, start + 13 * day)].slice(0, 3)).toEqual([unknown, genuine, fraud])
  expect(data).toMatchObject({ at, maturity: 45 * day, featureSet: featureSetHash })
  expect(data.description).toMatchObject({ drawnForReview: { drawn: 4, weighted: 2, weight: 2100, capped: 1 }, leftOut: 2 })

  await saveSettings(b.database, b.name, { ...b.tenant.settings, labels: { maturityDays: 30 } }, 'test')
  const sooner = await readDataset(b.database, { tenants: [b.name], at })
  onTestFinished(() => sooner.matrix.close())
  expect(labelsAsKnown(sooner, at)[10]).toBe(genuine)
})

test('a label is not known before it came, and one that had been corrected before it came was never believed', async () => {
  const b = await bank()
  await insert(
    b,
    ['late', 'corrected', 'never'].map((name, i) => row(b, name, i, { offset: i })),
  )
  await say(b, [
    ['late', 3, 'fraud', 'chargeback', 'l-1', 50],
    ['corrected', 30, 'genuine', 'analyst', 'l-2', 30],
    ['corrected', 10, 'fraud', 'analyst', 'l-3', 40],
    ['never', 3, 'fraud', 'chargeback', 'l-4', 101],
  ])
  const data = await readDataset(b.database, { tenants: [b.name], at })
  onTestFinished(() => data.matrix.close())
  const asOf = (days: number) => [...labelsAsKnown(data, start + days * day)]
  expect(asOf(49)).toEqual([genuine, genuine, genuine])
  expect(asOf(35)).toEqual([unknown, genuine, unknown])
  expect(asOf(50)).toEqual([fraud, genuine, genuine])
  expect(asOf(100)).toEqual([fraud, genuine, genuine])
})

test('settings from before there were labels in them are read with the default', async () => {
  const b = await bank()
  const { labels: _, ...older } = b.tenant.settings
  await b.database.execute('UPDATE tenant_settings SET settings = ? WHERE tenant = ?', [JSON.stringify(older), b.name])
  await insert(b, [row(b, 'only', 0, { offset: 0 })])
  const data = await readDataset(b.database, { tenants: [b.name], at })
  onTestFinished(() => data.matrix.close())
  expect(data.maturity).toBe(45 * day)
})

test('features of another version, damaged ones, an empty time and a bank that is not there are refused by name', async () => {
  const b = await bank()
  await insert(b, [row(b, 'own', 0, { offset: 0 })])
  await insert(b, [row(b, 'old-1', 1, { offset: 1 }), row(b, 'old-2', 2, { partition: 1, offset: 0 })], '0123456789abcdef')
  const read = (to: number, tenant = b.name) => readDataset(b.database, { tenants: [tenant], at, to })
  await expect(read(at)).rejects.toMatchObject({ code: 'features_differ', details: { tenant: b.name, others: 2 } })
  const data = await read(start + day)
  onTestFinished(() => data.matrix.close())
  expect(data.rows).toBe(1)
  await expect(read(start)).rejects.toMatchObject({ code: 'data_empty' })
  await expect(read(at, 'nobody')).rejects.toMatchObject({ code: 'tenant_unknown' })
  await insert(b, [{ ...row(b, 'short', 0.5, { partition: 2, offset: 0 }), features: Buffer.alloc(8) }])
  await expect(read(start + day)).rejects.toMatchObject({ code: 'features_damaged' })
})
