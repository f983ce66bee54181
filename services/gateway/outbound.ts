/** Sending with an end to patience: a caller waits for Kafka's acks a bounded time, and while Kafka is away hears so at once. */
import { AssayError, messageOf } from '../shared/errors.ts'
import type { Bus, Outgoing } from '../shared/kafka/bus.ts'
import { type Health, untilItWorks } from '../shared/lifecycle.ts'
import type { Telemetry } from '../shared/telemetry.ts'

export type Outbound = {
  /** Throws `kafka_away` at once while Kafka is known to be away. */
  mustBeThere(): void
  /** Resolves when all replicas have the records. Otherwise throws `kafka_away`: then it is not known whether they are in. */
  send(records: readonly Outgoing[]): Promise<void>
  stop(): Promise<void>
  health(): Health
}

/** Bytes that may wait for Kafka's acks; more are refused, so that a slow broker does not fill the memory. */
const mostWaiting = 64 * 1024 * 1024

const away = (detail: string, cause?: unknown) =>
  new AssayError('kafka_away', `${detail}. Send the same again later, with the same ids: what is in already is recognised`, {
    status: 503,
    cause,
  })

/** Makes it over a bus that may not have started yet. `patienceMs` is how long a caller waits for the acks. */
export function createOutbound(bus: Bus, telemetry: Telemetry, options: { patienceMs?: number } = {}): Outbound {
  const { patienceMs = 10_000 } = options
  let isAway = false
  let stopped = false
  let waiting = 0

  /** Once the late send has ended, looks for Kafka until it answers: nobody else would notice its return. */
  const noteAway = (late: Promise<void>) => {
    if (isAway) return
    isAway = true
    late
      .catch(() => untilItWorks('Kafka', telemetry, () => stopped, bus.start))
      .catch(() => undefined)
      .finally(() => {
        isAway = false
      })
  }
  const mustBeThere = () => {
    if (isAway) throw away('Kafka does not answer, so nothing is taken in')
    if (waiting > mostWaiting) throw away('Kafka is too slow for what is coming in')
  }

  return {
    mustBeThere,
    health: () => (isAway ? { ready: false, problems: ['Kafka does not answer'] } : { ready: true, problems: [] }),
    async send(records) {
      mustBeThere()
      const bytes = records.reduce((sum, { value }) => sum + value.length, 0)
      waiting += bytes
      let timer: NodeJS.Timeout | undefined
      const impatience = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(away(`Kafka has not acknowledged within ${patienceMs / 1000} s`)), patienceMs)
      })
      const sent = bus.send(records).finally(() => {
        waiting -= bytes
      })
      try {
        await Promise.race([sent, impatience])
      } catch (error) {
        noteAway(sent)
        throw error instanceof AssayError && error.code === 'kafka_away' && error.cause === undefined
          ? error
          : away(messageOf(error), error)
      } finally {
        clearTimeout(timer)
      }
    },
    async stop() {
      stopped = true
    },
  }
}
