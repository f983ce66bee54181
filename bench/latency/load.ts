/**
 * The load, a process of its own, so that whoever reads does not make it late: first a backlog, then segments by a schedule. What is sent is
 * made before it is due.
 */
import { simulate } from '../../infra/simulator/simulate.ts'
import { createBus, type Outgoing } from '../../services/shared/kafka/bus.ts'
import { createTelemetry } from '../../services/shared/telemetry.ts'
import { load, recordOf } from '../bank.ts'
import { arrivals, now } from './arrivals.ts'
import { pace } from './pace.ts'

/** `customers` and `days` are those of the simulator, which chooses where they are left out. */
export type LoadOptions = { kafka: string[]; tenant: string; seed: number; transactions: number; customers?: number; days?: number }
export type Order = { backlog: number } | { perSecond: number; warm: number; seconds: number; seed: number }
/** `begun` comes when the warm-up is over, `sent` at the end: ids (none for a resend), when each was due, and when it was given to Kafka, on the clock of `now`. */
export type Answer =
  | { kind: 'ready' }
  | { kind: 'loaded'; records: number; distinct: number }
  | { kind: 'begun'; warmed: number }
  | { kind: 'sent'; ids: string[]; due: Float64Array; sent: Float64Array }

const options = JSON.parse(process.argv[2]) as LoadOptions
const { tenant } = options
const bus = createBus(options.kafka, { name: 'bench-load', telemetry: createTelemetry('bench', 'silent') })
await bus.start()
const stream = simulate(options)
const tell = (answer: Answer) => process.send?.(answer)

function next(count: number): { id: string; record: Outgoing }[] {
  const taken: { id: string; record: Outgoing }[] = []
  while (taken.length < count) {
    const { value, done } = stream.next()
    if (done) throw new Error('the stream is too short')
    if (value.topic === 'transactions') taken.push({ id: value.resend ? '' : value.event.id, record: recordOf(tenant, value) })
  }
  return taken
}

async function carryOut(order: Order): Promise<void> {
  if ('backlog' in order) {
    const taken = next(order.backlog)
    await load(
      bus,
      taken.map((t) => t.record),
    )
    tell({ kind: 'loaded', records: taken.length, distinct: taken.filter((t) => t.id !== '').length })
    return
  }
  const { perSecond, warm, seconds } = order
  const schedule = arrivals(perSecond, warm + seconds, order.seed)
  const warmed = schedule.findIndex((ms) => ms >= warm * 1000)
  const taken = next(schedule.length)
  const records = taken.map((t) => t.record)
  const began = now() + 100
  await pace(bus, records.slice(0, warmed), schedule.subarray(0, warmed), began)
  tell({ kind: 'begun', warmed })
  const timed = schedule.subarray(warmed)
  const sent = await pace(bus, records.slice(warmed), timed, began)
  tell({ kind: 'sent', ids: taken.slice(warmed).map((t) => t.id), due: timed.map((ms) => began + ms), sent })
}

process.on('message', (order: Order) => {
  carryOut(order).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    process.exit(1)
  })
})
process.once('disconnect', () => process.exit(0))
tell({ kind: 'ready' })
