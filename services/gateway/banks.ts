/** The banks and their settings as the gateway needs them: read from TiDB, kept a few seconds, and longer while TiDB does not answer. */
import { AssayError } from '../shared/errors.ts'
import type { Database } from '../shared/tidb/database.ts'
import { readTenants, type Tenant } from '../shared/tidb/settings.ts'

export type Banks = { get(tenant: string): Promise<Tenant> }

/** Makes the cache. Those who ask while it is being read wait for the same reading. */
export function createBanks(database: Database, options: { expiryMs?: number } = {}): Banks {
  const { expiryMs = 5000 } = options
  let banks = new Map<string, Tenant>()
  let until = 0
  let since = 0
  let reading: Promise<void> | undefined

  const read = async () => {
    try {
      banks = new Map((await readTenants(database)).map((bank) => [bank.tenant, bank]))
      since = Date.now()
      until = since + expiryMs
    } catch (error) {
      if (banks.size === 0)
        throw new AssayError('database_away', 'The settings cannot be read, since the database does not answer', {
          cause: error,
          status: 503,
        })
      until = Date.now() + 1000
    } finally {
      reading = undefined
    }
  }
  return {
    async get(tenant) {
      // A bank that was made since the last reading is looked for at once, but not more than twice a second.
      if (Date.now() >= until || (!banks.has(tenant) && Date.now() >= since + 500)) {
        reading ??= read()
        await reading
      }
      const bank = banks.get(tenant)
      if (!bank) throw new AssayError('tenant_unknown', `There is no bank '${tenant}', or it is disabled`, { status: 403 })
      return bank
    },
  }
}
