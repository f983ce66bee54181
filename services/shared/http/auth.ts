/** API keys of banks: made, stored as hashes, revoked, and checked in constant time with a short cache before the database. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { AssayError } from '../errors.ts'
import type { Database } from '../tidb/database.ts'

export type ApiKey = { id: string; tenant: string; name: string; created: number; revoked: number | null }
/** Who asks: the key and its bank. */
export type Caller = { key: string; tenant: string }
export type ApiKeys = {
  /** Who holds the key; undefined when it is malformed, unknown, wrong or revoked, or when its bank is disabled. */
  verify(key: string): Promise<Caller | undefined>
}

const form = /^assay_([a-z0-9]{12})_([A-Za-z0-9_-]{43})$/

/** A key has 256 random bits, so that a plain hash of it cannot be turned back and needs no salt. */
const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()

const inventId = (): string => [...randomBytes(12)].map((byte) => 'abcdefghjkmnpqrstuvwxyz23456789a'[byte & 31]).join('')

/** Makes a key of a bank and returns it, `assay_<id>_<secret>`: the only time that the secret can be seen. */
export async function addApiKey(database: Database, tenant: string, name: string): Promise<{ id: string; key: string }> {
  const [known] = await database.query('SELECT tenant FROM tenants WHERE tenant = ?', [tenant])
  if (!known) throw new AssayError('tenant_unknown', `There is no tenant '${tenant}'; add it with: tenants add ${tenant}`, { status: 404 })
  const id = inventId()
  const secret = randomBytes(32).toString('base64url')
  await database.execute('INSERT INTO api_keys (id, tenant, name, hash, created) VALUES (?, ?, ?, ?, ?)', [
    id,
    tenant,
    name,
    hashOf(secret),
    Date.now(),
  ])
  return { id, key: `assay_${id}_${secret}` }
}

/** The keys of one bank, or of all; without their secrets, which nobody has. */
export const listApiKeys = (database: Database, tenant?: string): Promise<ApiKey[]> =>
  database.query<ApiKey>(
    'SELECT id, tenant, name, created, revoked FROM api_keys WHERE tenant = COALESCE(?, tenant) ORDER BY tenant, created',
    [tenant ?? null],
  )

/** Ends a key for good; gateways follow within their cache's expiry. */
export async function revokeApiKey(database: Database, id: string): Promise<void> {
  const { affectedRows } = await database.execute('UPDATE api_keys SET revoked = ? WHERE id = ? AND revoked IS NULL', [Date.now(), id])
  if (affectedRows === 0) throw new AssayError('key_unknown', `There is no key '${id}' that is in force`, { status: 404 })
}

type Row = { tenant: string; hash: Buffer }
type Cached = { row: Row | undefined; read: number; until: number }

/** How long a key goes on being good while the database does not answer: transactions can be taken in without it. */
const longestWithoutDatabase = 600_000
const mostCached = 10_000

/** Makes the check. An answer of the database holds for `expiryMs`: a revoked key works no longer than that. */
export function createApiKeys(database: Database, options: { expiryMs?: number; clock?: () => number } = {}): ApiKeys {
  const { expiryMs = 5000, clock = Date.now } = options
  const cache = new Map<string, Cached>()

  const look = async (id: string): Promise<Row | undefined> => {
    const now = clock()
    const cached = cache.get(id)
    if (cached && now < cached.until) return cached.row
    try {
      const [row] = await database.query<Row>(
        'SELECT k.tenant, k.hash FROM api_keys k JOIN tenants t ON t.tenant = k.tenant WHERE k.id = ? AND k.revoked IS NULL AND t.disabled IS NULL',
        [id],
      )
      if (cache.size >= mostCached) cache.delete(cache.keys().next().value as string)
      cache.set(id, { row, read: now, until: now + expiryMs })
      return row
    } catch (error) {
      if (cached && now - cached.read < longestWithoutDatabase) {
        cached.until = now + 1000
        return cached.row
      }
      throw new AssayError('database_away', 'The key cannot be checked, since the database does not answer; try again', {
        cause: error,
        status: 503,
      })
    }
  }

  return {
    async verify(key) {
      const [, id, secret] = form.exec(key) ?? []
      if (id === undefined) return undefined
      const row = await look(id)
      const given = hashOf(secret)
      // An unknown id takes the same comparison as a known one.
      const same = timingSafeEqual(given, row?.hash ?? Buffer.alloc(given.length))
      return row && same ? { key: id, tenant: row.tenant } : undefined
    },
  }
}
