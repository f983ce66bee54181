/** A bank with a past: a simulated bank's transactions as they were decided, with what was said of its frauds. */
import { simulate } from '../../infra/simulator/simulate.ts'
import { foldStream } from '../../models/data/from-simulator.ts'
import { featureSetHash, width } from '../../models/fold/features.ts'
import { packVector } from '../../models/fold/vector-bytes.ts'
import { insertDecided, prepareForWriting } from '../../services/detector/record/insert.ts'
import { customerOf, type Transaction } from '../../services/shared/events.ts'
import type { Bank } from './bank.ts'
import { decided } from './decided.ts'

const day = 86_400_000
const days = 90

type Past = { transactions: number; fraudRate?: number; seed?: number }

/** Writes the past of a bank, of the 90 days that ended 10 days ago; resolves to how many of its transactions were frauds. */
export async function writePast(b: Bank, { transactions, fraudRate = 0.1, seed = 5 }: Past): Promise<number> {
  const customers = Math.ceil(transactions / 30)
  const start = (Math.floor(Date.now() / day) - days - 10) * day
  // The same past whatever the bank is called: what is learnt from it must not hang on chance.
  const events = [...simulate({ seed, tenant: 'past', transactions, customers, days, start, resends: 0, fraudRate })]
  const data = foldStream(events, transactions)
  const taken = events.flatMap((e) =>
    e.topic === 'transactions' ? [{ event: { ...(e.event as Transaction), tenant: b.name }, fraud: e.fraud !== undefined }] : [],
  )
  const vector = new Float32Array(width)
  const rows = taken.map(({ event }, offset) => {
    data.matrix.read(offset, offset + 1, vector)
    const made = decided(event, offset, { features: packVector(vector, 0, width), baseAmount: data.amounts[offset] })
    return { ...made, customer: customerOf(event) }
  })
  const connection = await b.database.connect()
  try {
    await prepareForWriting(connection)
    for (let i = 0; i < rows.length; i += 500) {
      await insertDecided(connection, rows.slice(i, i + 500), Buffer.from(featureSetHash, 'hex'))
      await connection.query('COMMIT')
    }
  } finally {
    connection.destroy()
  }
  const frauds = rows.filter((_, i) => taken[i].fraud)
  const labels = frauds.map((row) => [b.name, row.id, row.time + day, `l-${row.id}`, 'fraud', 'chargeback', row.time, row.time + day])
  if (labels.length > 0)
    await b.database.execute('INSERT INTO labels (tenant, transaction_id, known_at, id, value, source, happened_at, received) VALUES ?', [
      labels,
    ] as never)
  data.matrix.close()
  return frauds.length
}
