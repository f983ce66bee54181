/** Reading what was decided. The markers of Flink's transactions take places in the log too, so its end is told by what was read. */
import type { Bus } from '../../services/shared/kafka/bus.ts'

export type Decisions = { times: number[]; ids: number }

/**
 * Reads so many committed records: when each was written, and how many distinct ids. `group` must be a new one.
 * @throws when they are not there after `seconds`
 */
export async function readDecisions(bus: Bus, topic: string, group: string, records: number, seconds: number): Promise<Decisions> {
  const ids = new Set<string>()
  const times: number[] = []
  let finish = (_complete: boolean) => {}
  const finished = new Promise<boolean>((resolve) => {
    finish = resolve
  })
  const reading = bus.consume({
    group,
    topics: [topic],
    fromBeginning: true,
    each: async (batch) => {
      for (const { timestamp, value } of batch) {
        times.push(timestamp)
        ids.add((JSON.parse((value as Buffer).toString()) as { id: string }).id)
      }
      if (times.length >= records) finish(true)
    },
  })
  const patience = setTimeout(() => finish(false), seconds * 1000)
  try {
    await reading.start()
    if (!(await finished)) throw new Error(`${topic} holds ${times.length} of ${records} committed records after ${seconds} s`)
  } finally {
    clearTimeout(patience)
    await reading.stop()
  }
  return { times, ids: ids.size }
}
