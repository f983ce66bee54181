import { expect, onTestFinished, test } from 'vitest'
import { storedOf } from '../../bench/stored.ts'
import { featureSetHash } from '../../models/fold/features.ts'
import { insertDecided, prepareForWriting } from '../../services/detector/record/insert.ts'
import { encodeEvent } from '../../services/shared/tidb/row-event.ts'
import { type Bank, bank } from '../helpers/bank.ts'
import { decided } from '../helpers/decided.ts'
import { transaction } from '../helpers/transactions.ts'

test('what a transaction takes in TiDB is its row with all that lies in it, and its two indexes', async ({ skip }) => {
  const b = await bank()
  if ((await b.database.product()).name !== 'TiDB') skip('only TiDB tells keys and values')
  const write = async (of: Bank, id: string, longer: number) => {
    const made = decided(transaction(of.name, { id, time: new Date().toISOString(), extra: { note: 'x'.repeat(longer) } }), Number(id))
    const connection = await of.database.connect()
    onTestFinished(() => connection.destroy())
    await prepareForWriting(connection)
    await insertDecided(connection, [made], Buffer.from(featureSetHash, 'hex'))
    await connection.query('COMMIT')
    return { event: encodeEvent(made.transaction, made.time), features: made.features }
  }
  await expect(storedOf(b.database, b.name)).rejects.toThrow('holds no transaction')
  const { event, features } = await write(b, '1', 0)
  const one = await storedOf(b.database, b.name)
  expect(one).toMatchObject({ transactions: 1, event: event.length, features: features.length })
  expect(one.bytes).toBe(one.row + one.byId + one.byPlace)
  expect(one.row).toBeGreaterThan(event.length + features.length)
  expect(Math.min(one.byId, one.byPlace)).toBeGreaterThan(b.name.length)

  await write(b, '2', 100)
  expect(await storedOf(b.database, b.name)).toEqual({
    ...one,
    transactions: 2,
    bytes: one.bytes + 50,
    row: one.row + 50,
    event: one.event + 50,
  })
})
