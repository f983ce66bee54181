/** Reading a topic from its beginning to where it ends now, each record once. */
import type { Bus, Consumption, Received } from '../services/shared/kafka/bus.ts'
import { backoff } from '../services/shared/tidb/database.ts'

const mostAttempts = 10

/** A broker with much to do may have no coordinator for a new group for longer than one attempt takes. */
async function started(reading: Consumption): Promise<void> {
  for (let n = 0; ; n++) {
    try {
      return await reading.start()
    } catch (error) {
      if (n === mostAttempts) throw error
      await backoff(n)
    }
  }
}

/** Gives every record to `each`, in order within a partition; resolves when all were given. `group` must be a new one. */
export async function readTopic(bus: Bus, topic: string, group: string, each: (record: Received) => void): Promise<void> {
  const admin = await bus.admin()
  const ends = new Map((await admin.fetchTopicOffsets(topic)).map((o) => [o.partition, Number(o.high)]))
  const next = new Map<number, number>()
  const complete = () => [...ends].every(([partition, end]) => (next.get(partition) ?? 0) >= end)
  if (complete()) return
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const reading = bus.consume({
    group,
    topics: [topic],
    fromBeginning: true,
    each: async (records) => {
      for (const r of records) {
        const offset = Number(r.offset)
        if (offset < (next.get(r.partition) ?? 0) || offset >= (ends.get(r.partition) ?? 0)) continue
        next.set(r.partition, offset + 1)
        each(r)
      }
      if (complete()) finish()
    },
  })
  try {
    await started(reading)
    await finished
  } finally {
    await reading.stop()
  }
}
