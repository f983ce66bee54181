/** What one bank may use of a gateway, so that a bank that floods fills neither its memory nor the topics from which all are decided. */
import { AssayError } from '../shared/errors.ts'
import type { Telemetry } from '../shared/telemetry.ts'

export type Limits = {
  /**
   * Lets a request of a bank in that brings so many bytes, of which it may have so many events a second; what it returns is called when the
   * request is over. Throws `too_many_events` or `too_much_at_once`, both 429, or `too_busy`, 503, each with the seconds to wait.
   */
  enter(tenant: string, bytes: number, perSecond: number): () => void
  /** Counts events that were taken in. */
  spend(tenant: string, events: number, perSecond: number): void
  /** Milliseconds until the bank may send on. */
  wait(tenant: string): number
  /** Notes that a request was refused for a limit. */
  note(tenant: string, limit: 'events' | 'in_flight' | 'requests'): void
}

/** What a request takes beside its body. */
const leastBytes = 16 * 1024
/** Bytes of requests that are not answered yet, of one bank and of all; parsed they take several times as much. */
const [mostOfBank, mostOfAll] = [16 * 1024 * 1024, 96 * 1024 * 1024]
/** A bank may send a second's events at once: an array of any size is taken in whole, and waited for afterwards. */
const aheadMs = 1000

/** Makes the limits. They are kept by each gateway for itself, by a clock (milliseconds) that never jumps. */
export function createLimits(telemetry: Telemetry, clock: () => number = () => performance.now()): Limits {
  const limited = telemetry.counter('assay_gateway_limited_total', 'Requests that were answered 429', ['tenant', 'limit'])
  /** When what a bank has sent would be over, had it sent as evenly as it may. */
  const until = new Map<string, number>()
  const inFlight = new Map<string, number>()
  let all = 0

  const refuse = (tenant: string, limit: 'events' | 'in_flight', code: string, detail: string, retryAfter: number): never => {
    limited.inc({ tenant, limit })
    throw new AssayError(code, detail, { status: 429, details: { retryAfter } })
  }
  const wait = (tenant: string) => Math.max(0, (until.get(tenant) ?? 0) - clock() - aheadMs)

  return {
    wait,
    note: (tenant, limit) => limited.inc({ tenant, limit }),
    spend(tenant, events, perSecond) {
      until.set(tenant, Math.max(until.get(tenant) ?? 0, clock()) + (events * 1000) / perSecond)
    },
    enter(tenant, bytes, perSecond) {
      const seconds = Math.ceil(wait(tenant) / 1000)
      if (seconds > 0)
        refuse(
          tenant,
          'events',
          'too_many_events',
          `This bank may send ${perSecond} events a second; go on in ${seconds} s, or send application/x-ndjson, which is slowed and not refused`,
          seconds,
        )
      const held = Math.max(bytes, leastBytes)
      const before = inFlight.get(tenant) ?? 0
      if (before > 0 && before + held > mostOfBank)
        refuse(
          tenant,
          'in_flight',
          'too_much_at_once',
          `${before} bytes of this bank's requests are not answered yet; wait for answers before sending more`,
          1,
        )
      if (all > 0 && all + held > mostOfAll)
        throw new AssayError('too_busy', `${all} bytes of requests are not answered yet; send the same again later, with the same ids`, {
          status: 503,
        })
      inFlight.set(tenant, before + held)
      all += held
      return () => {
        all -= held
        const left = (inFlight.get(tenant) ?? 0) - held
        if (left > 0) inFlight.set(tenant, left)
        else inFlight.delete(tenant)
      }
    },
  }
}
