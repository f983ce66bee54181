/** Watches the decisions topic while faults happen: how long after a fault all that was sent before is decided. */
import type { Bus } from '../services/shared/bus.ts'
import { tenantTopic } from '../services/shared/events.ts'

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

/** Milliseconds until all of `ids` are decided; undefined when that takes longer than `patience`. */
export async function untilDecided(ids: readonly string[], watch: Watch, patience: number): Promise<number | undefined> {
  const began = Date.now()
  let waiting = ids.filter((id) => !watch.decided.has(id))
  while (waiting.length > 0) {
    if (Date.now() - began > patience) return undefined
    await new Promise((resolve) => setTimeout(resolve, 50))
    waiting = waiting.filter((id) => !watch.decided.has(id))
  }
  return Date.now() - began
}
