/** Sending by a schedule that waits for nobody. */
import type { Bus, Outgoing } from '../../services/shared/kafka/bus.ts'
import { now } from './arrivals.ts'

/**
 * Milliseconds from one send to the next at least, which count against us. A request for each transaction would take more of the machine than
 * the producers of a bank do: Java's wait for 5 ms.
 */
const linger = 2

/**
 * Sends what is due, the first of which was due `due[0]` milliseconds after `began`; a send waits for the one before it, as the product's own
 * producers do, and what has become due meanwhile goes with it. Returns when each was given to Kafka.
 */
export async function pace(bus: Bus, records: readonly Outgoing[], due: Float64Array, began: number): Promise<Float64Array> {
  const sent = new Float64Array(due.length)
  for (let from = 0; from < due.length; ) {
    const at = now()
    let to = from
    while (to < due.length && began + due[to] <= at) to++
    if (to > from) {
      sent.fill(at, from, to)
      await bus.send(records.slice(from, to))
      from = to
    }
    const next = from < due.length ? Math.max(began + due[from], at + linger) - now() : 0
    if (next > 0) await new Promise((resolve) => setTimeout(resolve, next))
  }
  return sent
}
