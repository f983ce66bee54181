/** Watches the decisions topic while faults happen: how long after a fault all that was sent before is decided. */
import { tenantTopic } from '../services/shared/events.ts'
import type { Bus } from '../services/shared/kafka/bus.ts'

export type Watch = { decided: ReadonlySet<string>; stop(): Promise<void> }

export async function watchDecisions(bus: Bus, tenant: string, group: string): Promise<Watch> {
  const decided = new Set<string>()
  const consumption = bus.consume({
    group,
    topics: [tenantTopic(tenant, 'decisions')],
    fromBeginning: true,
    each: async (records) => {
      for (const r of records) decided.add((JSON.parse((r.value as Buffer).toString()) as { id: string }).id)
    },
  })
  await consumption.start()
  return { decided, stop: () => consumption.stop() }
}

/** Waits until all of `ids` are decided, at most `patience` milliseconds. `left`: those that are not. */
export async function untilDecided(ids: readonly string[], watch: Watch, patience: number): Promise<{ took: number; left: string[] }> {
  const began = Date.now()
  for (let left = [...ids]; ; ) {
    left = left.filter((id) => !watch.decided.has(id))
    const took = Date.now() - began
    if (left.length === 0 || took > patience) return { took, left }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
