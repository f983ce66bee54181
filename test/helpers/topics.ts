/** Reading topics from their beginning to their end. */
import { onTestFinished } from 'vitest'
import type { Bus, Received } from '../../services/shared/kafka/bus.ts'
import { eventually, unique } from './servers.ts'

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

/** All that lies in the topics now, each record once, by topic. */
export async function readToTheEnd(bus: Bus, topics: readonly string[]): Promise<Map<string, Received[]>> {
  const admin = await bus.admin()
  const ends = new Map<string, number>()
  for (const topic of topics)
    for (const { partition, high } of await admin.fetchTopicOffsets(topic))
      if (high !== '0') ends.set(`${topic} ${partition}`, Number(high))
  const next = new Map<string, number>()
  const found = new Map<string, Received[]>(topics.map((topic) => [topic, []]))
  const consumption = bus.consume({
    group: unique('read-'),
    topics,
    fromBeginning: true,
    each: async (records) => {
      for (const r of records) {
        const place = `${r.topic} ${r.partition}`
        const offset = Number(r.offset)
        if (offset < (next.get(place) ?? 0) || offset >= (ends.get(place) ?? 0)) continue
        next.set(place, offset + 1)
        found.get(r.topic)?.push(r)
      }
    },
  })
  await consumption.start()
  try {
    await eventually('the ends of the topics', () => [...ends].every(([place, end]) => (next.get(place) ?? 0) >= end), 60)
  } finally {
    await consumption.stop()
  }
  return found
}
