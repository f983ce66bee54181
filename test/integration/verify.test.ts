import { expect, test } from 'vitest'
import { differences, verify } from '../../infra/verify.ts'
import { width } from '../../models/fold/features.ts'
import { packVector } from '../../models/fold/vector-bytes.ts'
import { createDetector } from '../../services/detector/service.ts'
import { bank, decidedIds, detector, isDecided } from '../helpers/bank.ts'
import { eventually, testTelemetry } from '../helpers/servers.ts'
import { sendAll, simulated } from '../helpers/simulated.ts'
import { vectorOf } from '../helpers/vectors.ts'

const day = 86_400_000
const always = { from: 0, to: Date.now() + day }

test('decisions come out bit for bit from the stored history, over a detector that forgets and one that takes over', async () => {
  const b = await bank()
  // So small that most batches load what the ones before them had in memory.
  const forgetful = createDetector(b.config, testTelemetry(), { profileBytes: 40_000 })
  await forgetful.start()
  const records = simulated(b.name, 1200)
  const half = records.length >> 1
  await sendAll(b, records.slice(0, half))
  await eventually('the first half', () => isDecided(b.database, b.bus, b.name))
  await forgetful.stop()
  await detector(b.config)
  await sendAll(b, records.slice(half))
  await eventually('all', () => isDecided(b.database, b.bus, b.name))
  const [{ n }] = await b.database.query<{ n: number }>(
    'SELECT COUNT(*) AS n FROM transactions WHERE tenant = ? AND outcomes_to > 0 AND parties_to > 0',
    [b.name],
  )
  expect(Number(n)).toBeGreaterThan(500)
  const found = await verify(b.database, { ...always, tenant: b.name })
  const { length } = await decidedIds(b)
  expect(found).toMatchObject({ checked: length, otherFeatures: 0, countersCompared: length, countersBeyond: 0, ids: [] })
  expect(differences(found)).toBe(0)

  // Whoever changes a row by hand is found.
  const change = async (what: string, given: (before: Buffer) => Buffer[] = () => []) => {
    const [row] = await b.database.query<{ customer: string; time: number; id: string }>(
      'SELECT customer, time, id FROM transactions WHERE tenant = ? AND action = 0 ORDER BY log_offset DESC LIMIT 1',
      [b.name],
    )
    const where = 'WHERE tenant = ? AND customer = ? AND time = ? AND id = ?'
    const place = [b.name, row.customer, row.time, row.id]
    const [before] = await b.database.query<Record<string, Buffer | number>>(`SELECT * FROM transactions ${where}`, place)
    await b.database.execute(`UPDATE transactions SET ${what} ${where}`, [...given(before.features as Buffer), ...place])
    const after = await verify(b.database, { ...always, tenant: b.name })
    const column = what.split(' ')[0]
    await b.database.execute(`UPDATE transactions SET ${column} = ? ${where}`, [before[column], ...place] as never)
    return { after, id: row.id }
  }
  const { after, id } = await change('score = 0.999')
  expect(after).toMatchObject({ scoresDiffering: 1, actionsDiffering: 1, ids: [id] })
  expect((await change('action = 1')).after).toMatchObject({ scoresDiffering: 0, actionsDiffering: 1 })
  const otherAmount = (features: Buffer) => {
    const vector = vectorOf(features)
    vector[0] = 100
    return [packVector(vector, 0, width)]
  }
  expect((await change('features = ?', otherAmount)).after.featuresDiffering).toBe(1)
  const cut = await change('features = ?', (features) => [features.subarray(0, -1)])
  expect(cut.after).toMatchObject({ featuresDiffering: 1, scoresDiffering: 1, countersBeyond: 1, ids: [cut.id] })
  expect((await change(`event = REPLACE(event, ',"EUR"', '1,"EUR"')`)).after.contentsDiffering).toBe(1)
  expect(differences(await verify(b.database, { ...always, tenant: b.name }))).toBe(0)
  const [inside] = await b.database.query<{ id: string }>('SELECT id FROM transactions WHERE tenant = ? AND log_offset = 10', [b.name])
  await b.database.execute('DELETE FROM transactions WHERE tenant = ? AND id = ?', [b.name, inside.id])
  expect((await verify(b.database, { ...always, tenant: b.name })).missing).toBe(1)
})
