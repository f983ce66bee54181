/** Features of what another version of them decided: recomputed beside what was recorded, and learnt from. */
import { expect, onTestFinished, test } from 'vitest'
import { backfill } from '../../infra/features/backfill.ts'
import { featuresCommand } from '../../infra/features.ts'
import { readDataset } from '../../models/data/from-database.ts'
import { ownWidth, width } from '../../models/fold/features.ts'
import { tenantTopic } from '../../services/shared/events.ts'
import { assay } from '../helpers/assay.ts'
import { type Bank, bank, detector, isDecided, rows } from '../helpers/bank.ts'
import { eventually } from '../helpers/servers.ts'
import { sendAll, simulated } from '../helpers/simulated.ts'
import { bitsOf, vectorOf } from '../helpers/vectors.ts'

const day = 86_400_000
const older = Buffer.from('0123456789abcdef', 'hex')

type Row = { id: string; time: number; features: Buffer; decided: number }
const recorded = (b: Bank) => rows<Row>(b, 'SELECT id, time, features, decided FROM transactions WHERE tenant = ?')
const recomputed = async (b: Bank) =>
  new Map((await rows<Row>(b, 'SELECT id, features FROM recomputed_features WHERE tenant = ?')).map((r) => [r.id, r.features]))

/** Makes these rows those of another version, whose vectors nobody can read. */
const makeOlder = (b: Bank, ids: string[]) =>
  b.database.execute('UPDATE transactions SET feature_set = ?, features = ? WHERE tenant = ? AND id IN (?)', [
    older,
    Buffer.alloc(12),
    b.name,
    ids,
  ] as never)

test('vectors of another version are recomputed as they would have been recorded, once, and training reads them', async () => {
  // One partition, so that everything was decided in one order.
  const b = await bank({}, 1)
  await detector(b.config)
  const records = simulated(b.name, 1200)
  const half = records.length >> 1
  const isLabel = ({ topic }: (typeof records)[number]) => topic === tenantTopic(b.name, 'labels')
  const settle = async (some: typeof records) => {
    await sendAll(b, some)
    await eventually('all', () => isDecided(b.database, b.bus, b.name), 60)
  }
  const [first, second] = [records.slice(0, half), records.slice(half)]
  await settle(first.filter((r) => !isLabel(r)))
  await settle(first.filter(isLabel))
  const began = Date.now()
  await settle(second.filter((r) => !isLabel(r)))
  const before = await recorded(b)
  const later = before.filter((r) => r.decided >= began)
  expect(later.length).toBeGreaterThan(400)
  const range = { tenant: b.name, from: 0, to: Date.now() + day }

  const all = await backfill(b.database, { ...range, compare: true })
  expect(all).toMatchObject({ others: 0, recomputed: 0, compared: before.length, ownDiffering: 0 })
  expect(await recomputed(b)).toEqual(new Map())

  // Some early ones too: by the time of the records their labels were there before they were decided.
  const changed = before.filter((r, i) => r.decided >= began || i % 3 === 0)
  await makeOlder(
    b,
    changed.map((r) => r.id),
  )
  await expect(readDataset(b.database, { tenants: [b.name], at: range.to })).rejects.toMatchObject({
    code: 'features_differ',
    details: { others: changed.length },
  })
  const some = await backfill(b.database, { ...range, to: Math.max(...changed.map((r) => r.time)) - 10 * day })
  expect(some.recomputed).toBeGreaterThan(0)
  expect(some.recomputed).toBeLessThan(changed.length)
  const said = JSON.parse(await assay(b.config, featuresCommand(), 'backfill', '--tenant', b.name, '--json'))
  expect(said).toMatchObject({ others: changed.length, before: some.recomputed, recomputed: changed.length - some.recomputed, left: 0 })
  const found = await recomputed(b)
  const own = (features: Buffer) => bitsOf(vectorOf(features).subarray(0, ownWidth))
  for (const r of changed) expect(own(found.get(r.id) as Buffer), r.id).toBe(own(r.features))
  for (const r of later) expect(found.get(r.id)?.equals(r.features), r.id).toBe(true)
  const counted = later.map((r) => vectorOf(r.features).subarray(ownWidth))
  expect(counted.some((vector) => vector.some((value) => value > 20))).toBe(true)
  expect((await rows<Row>(b, 'SELECT features FROM transactions WHERE tenant = ?')).filter((r) => r.features.length === 12)).toHaveLength(
    changed.length,
  )

  const lines: string[] = []
  const data = await readDataset(b.database, { tenants: [b.name], at: range.to, report: (line) => lines.push(line) })
  onTestFinished(() => data.matrix.close())
  expect(data.description).toMatchObject({ rows: before.length, recomputed: changed.length })
  expect(lines.join()).toContain(`of ${changed.length} transactions of ${b.name} the features are recomputed`)
  const known = new Map(before.map((r) => [r.id, found.get(r.id) ?? r.features]))
  const vectors = [...known.values()].map((v) => bitsOf(vectorOf(v))).sort()
  const read = Array.from({ length: data.rows }, (_, place) => {
    const out = new Float32Array(width)
    data.matrix.read(place, place + 1, out)
    return bitsOf(out)
  })
  expect(read.sort()).toEqual(vectors)
})
