/**
 * Vectors of the present version for what was decided by another one: the customer's own features exactly, from what came earlier in the log;
 * the counters as the decisions could have seen them, since what they did see was not of these definitions. They lie beside what was
 * recorded, never in its place.
 */
import { featureNames, featureSetHash, ownWidth, width } from '../../models/fold/features.ts'
import { packVector, unpackVector } from '../../models/fold/vector-bytes.ts'
import { AssayError } from '../../services/shared/errors.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { customersIn, type Range, readHeld } from '../verify/customers.ts'
import { type Recomputed, recompute } from '../verify/recompute.ts'
import { type CountedRows, readCountedRows } from './counted-rows.ts'

export type Backfilled = {
  tenant: string
  featureSet: string
  /** Vectors of another version in the range, those of which were recomputed before, now, and could not be, since they were decided meanwhile. */
  others: number
  before: number
  recomputed: number
  left: number
  /** With `compare`: vectors of the present version that were computed again, how many came out otherwise in the customer's own features, and in each counter. */
  compared?: number
  ownDiffering?: number
  countersDiffering?: Record<string, number>
}

type Options = Range & { tenant: string; compare?: boolean | undefined; progress?: (text: string) => void }

const present = Buffer.from(featureSetHash, 'hex')

async function count(database: Database, tenant: string, { from, to }: Range): Promise<{ others: number; before: number }> {
  const [found] = await database.query<{ others: number; before: number }>(
    `SELECT COUNT(*) AS others, COUNT(r.id) AS \`before\` FROM transactions t
     LEFT JOIN recomputed_features r ON r.tenant = t.tenant AND r.feature_set = ? AND r.id = t.id
     WHERE t.tenant = ? AND t.time >= ? AND t.time < ? AND t.feature_set <> ?`,
    [present, tenant, from, to, present],
  )
  return { others: Number(found.others), before: Number(found.before) }
}

async function doneOf(database: Database, tenant: string, ids: readonly string[]): Promise<Set<string>> {
  const rows = await database.query<{ id: string }>(
    'SELECT id FROM recomputed_features WHERE tenant = ? AND feature_set = ? AND id IN (?)',
    [tenant, present, ids] as never,
  )
  return new Set(rows.map((row) => row.id))
}

/** Adds how one vector that was computed again differs from the recorded one. */
function compare(vector: Float32Array, { row, featuresDiffer }: Recomputed, found: Backfilled): void {
  const recorded = new Float32Array(width)
  unpackVector(row.features, recorded, 0, width)
  found.compared = (found.compared ?? 0) + 1
  found.ownDiffering = (found.ownDiffering ?? 0) + (featuresDiffer ? 1 : 0)
  found.countersDiffering ??= {}
  for (let f = ownWidth; f < width; f++) {
    const name = featureNames[f]
    found.countersDiffering[name] = (found.countersDiffering[name] ?? 0) + (Object.is(vector[f], recorded[f]) ? 0 : 1)
  }
}

/**
 * Recomputes what is of another version and was not recomputed yet. Throws `tenant_unknown`. Can be broken off and run again: what is there
 * is not computed twice.
 */
export async function backfill(database: Database, options: Options): Promise<Backfilled> {
  const { tenant, from, to, progress = () => undefined } = options
  const [known] = await database.query('SELECT tenant FROM tenants WHERE tenant = ?', [tenant])
  if (!known) throw new AssayError('tenant_unknown', `There is no tenant '${tenant}'`)
  const range = { from, to }
  const { others, before } = await count(database, tenant, range)
  const found: Backfilled = { tenant, featureSet: featureSetHash, others, before, recomputed: 0, left: 0 }
  if (others === before && !options.compare) return found
  const counted = await readCountedRows(database, tenant, range, options.compare ? null : present, (rows) =>
    progress(`${rows} transactions counted`),
  )
  try {
    for await (const customers of customersIn(database, tenant, range)) {
      await backfillCustomers(database, tenant, customers, range, counted, found)
      progress(`${found.before + found.recomputed} of ${found.others} vectors`)
    }
  } finally {
    counted.close()
  }
  return found
}

async function backfillCustomers(
  database: Database,
  tenant: string,
  customers: readonly string[],
  range: Range,
  counted: CountedRows,
  found: Backfilled,
): Promise<void> {
  const rows: [string, Buffer, string, Buffer, number][] = []
  for (const held of (await readHeld(database, tenant, customers, range)).values()) {
    const wanted = held.rows.filter((r) => r.time >= range.from && r.time < range.to && !r.feature_set.equals(present)).map((r) => r.id)
    const done = wanted.length === 0 ? new Set<string>() : await doneOf(database, tenant, wanted)
    for (const again of recompute(held, range)) {
      const { row, features, sameSet } = again
      if (done.has(row.id)) continue
      const vector = new Float32Array(width)
      vector.set(features)
      if (!counted.write(row, row.log_offset, vector, ownWidth)) {
        if (!sameSet) found.left++
      } else if (sameSet) compare(vector, again, found)
      else rows.push([tenant, present, row.id, packVector(vector, 0, width), Date.now()])
    }
  }
  for (let i = 0; i < rows.length; i += 500)
    await database.execute('INSERT IGNORE INTO recomputed_features (tenant, feature_set, id, features, computed) VALUES ?', [
      rows.slice(i, i + 500),
    ] as never)
  found.recomputed += rows.length
}
