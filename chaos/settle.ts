/** Waits until nothing moves any more: all that follows from what was sent has happened, or will not. */
import type { Bus } from '../services/shared/bus.ts'
import type { Database } from '../services/shared/database.ts'
import { countHarm } from './check.ts'
import type { Sent } from './load.ts'

const longest = 180_000
/** Longer than the sweep takes to find a step that lost its bell, and than any backoff. */
const still = 30_000

/** Counts again and again until there is no harm left that time could mend, or the counts stand still. */
export async function settle(database: Database, bus: Bus, tenant: string, sent: Sent, steps: number): Promise<void> {
  const deadline = Date.now() + longest
  let before = ''
  let since = Date.now()
  while (Date.now() < deadline) {
    const harm = await countHarm(database, bus, tenant, sent, steps)
    if (Object.values(harm).every((n) => n === 0)) return
    const now = JSON.stringify(harm)
    if (now !== before) [before, since] = [now, Date.now()]
    else if (Date.now() - since > still) return
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
}
