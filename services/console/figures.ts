/** The figures of each bank, once a second. */
import { tenantTopic } from '../shared/events.ts'
import type { Bus } from '../shared/kafka/bus.ts'
import type { Database } from '../shared/tidb/database.ts'
import type { CaseState, Figures, Pulse } from './api.ts'

type Counted = { tenant: string; state: CaseState; cases: number }

const day = 86_400_000

/**
 * Decisions and alerts are counted by the ends of their topics and not by reading them: at 15,000 a second reading would cost the
 * console a fifth of a core, the ends cost two small requests. A delivery that Kafka got twice counts twice.
 */
export function createFigures(database: Database, bus: Bus) {
  let before: Pulse | undefined

  const ends = async (topic: string): Promise<number> => {
    const admin = await bus.admin()
    const partitions = await admin.fetchTopicOffsets(topic)
    return partitions.reduce((sum, { high }) => sum + Number(high), 0)
  }

  return {
    /** Counts now; the rate is since the look before. */
    async look(tenants: readonly string[]): Promise<Pulse> {
      const cases = await countCases(database, tenants)
      const pulse: Pulse = { at: Date.now(), tenants: {} }
      for (const tenant of tenants) {
        const [decided, alerts] = await Promise.all([ends(tenantTopic(tenant, 'decisions')), ends(tenantTopic(tenant, 'alerts'))])
        const count = (state: CaseState) => Number(cases.find((c) => c.tenant === tenant && c.state === state)?.cases ?? 0)
        pulse.tenants[tenant] = {
          rate: rate(before, pulse.at, tenant, decided),
          decided,
          alerts,
          open: count('open'),
          claimed: count('claimed'),
          closed: count('closed'),
        }
      }
      before = pulse
      return pulse
    },
  }
}

/** All that wait, and what of the last day's was closed: closed ones only ever grow in number. */
async function countCases(database: Database, tenants: readonly string[]): Promise<Counted[]> {
  const waiting = await database.query<Counted>(
    "SELECT tenant, state, COUNT(*) AS cases FROM cases WHERE state IN ('open', 'claimed') GROUP BY tenant, state",
  )
  const since = Date.now() - day
  const closed = await Promise.all(
    tenants.map((tenant) =>
      database.query<Counted>(
        "SELECT tenant, state, COUNT(*) AS cases FROM cases WHERE tenant = ? AND state = 'closed' AND opened > ? GROUP BY tenant, state",
        [tenant, since],
      ),
    ),
  )
  return [...waiting, ...closed.flat()]
}

function rate(before: Pulse | undefined, at: number, tenant: string, decided: number): Figures['rate'] {
  const last = before?.tenants[tenant]
  if (!before || !last || at <= before.at) return 0
  return Math.max(0, ((decided - last.decided) * 1000) / (at - before.at))
}
