/** Reading topics from their beginning to their end. */
import { onTestFinished } from 'vitest'
import type { Bus, Received } from '../../services/shared/bus.ts'
import { unique } from './servers.ts'

/** Collects all that comes to a topic from its beginning on. */
export async function collect(bus: Bus, topic: string): Promise<Received[]> {
  const received: Received[] = []
  const consumption = bus.consume({
    group: unique('collect-'),
    topics: [topic],
    fromBeginning: true,
    each: async (records) => {
      received.push(...records)
    },
  })
  await consumption.start()
  onTestFinished(() => consumption.stop())
  return received
}

/** The values as JSON. */
export const valuesOf = <T>(records: readonly Received[]): T[] => records.map((r) => JSON.parse((r.value as Buffer).toString()) as T)
