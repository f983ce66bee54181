/**
 * The load of a bank that floods, a process of its own: first a backlog, then so many a second for so long. What is sent for minutes at twice
 * the highest rate would fill memory, and making it takes as much of the machine as deciding it: a day is made before, and sent again and again as
 * later days, under other ids.
 */
import { simulate } from '../../infra/simulator/simulate.ts'
import { type Transaction, tenantTopic, topics } from '../../services/shared/events.ts'
import { createBus, type Outgoing } from '../../services/shared/kafka/bus.ts'
import { createTelemetry } from '../../services/shared/telemetry.ts'
import { load } from '../bank.ts'
import { arrivals, now } from '../latency/arrivals.ts'
import { pace } from '../latency/pace.ts'

/** `aDay` is how many transactions are made, and sent as each day. */
export type FloodOptions = { kafka: string[]; tenant: string; seed: number; aDay: number }
export type FloodOrder = { backlog: number } | { perSecond: number; seconds: number }
/** How much was sent, resends among `records`, and how long that took. */
export type FloodAnswer = { kind: 'ready' } | { kind: 'sent'; records: number; distinct: number; seconds: number }

const day = 86_400_000
/** Younger ones than a month are taken. */
const mostDays = 29
/** What is due within so many milliseconds is made at a time. */
const slice = 100

const { kafka, tenant, seed, aDay } = JSON.parse(process.argv[2]) as FloodOptions
const bus = createBus(kafka, { name: 'bench-flood', telemetry: createTelemetry('bench', 'silent') })
await bus.start()
const tell = (answer: FloodAnswer) => process.send?.(answer)

type Made = { id: string; record: Outgoing }

const made: { event: Transaction; time: number; resend: boolean }[] = []
for (const e of simulate({ seed, tenant, transactions: aDay, start: Date.now() - mostDays * day, days: 1 }))
  if (e.topic === 'transactions') made.push({ event: e.event, time: Date.parse(e.event.time), resend: e.resend ?? false })

function* days(): Generator<Made, never> {
  const topic = tenantTopic(tenant, 'transactions')
  for (let n = 0; n < mostDays; n++)
    for (const { event, time, resend } of made) {
      const again = { ...event, id: `${event.id}-${n}`, time: new Date(time + n * day).toISOString() }
      yield { id: resend ? '' : again.id, record: { topic, key: topics.transactions.key(again), value: JSON.stringify(again) } }
    }
  throw new Error('the stream is too short')
}
const stream = days()
const next = (count: number): Made[] => Array.from({ length: count }, () => stream.next().value)
const distinctOf = (made: readonly Made[]) => made.reduce((sum, { id }) => sum + (id === '' ? 0 : 1), 0)

async function send(order: FloodOrder): Promise<{ records: number; distinct: number }> {
  if ('backlog' in order) {
    const made = next(order.backlog)
    await load(
      bus,
      made.map((m) => m.record),
    )
    return { records: made.length, distinct: distinctOf(made) }
  }
  const sent = { records: 0, distinct: 0 }
  const began = now()
  for (let at = 0; at < order.seconds * 1000; at += slice) {
    const due = arrivals(order.perSecond, slice / 1000, seed + at)
    const made = next(due.length)
    await pace(
      bus,
      made.map((m) => m.record),
      due,
      began + at,
    )
    sent.records += made.length
    sent.distinct += distinctOf(made)
  }
  return sent
}

async function carryOut(order: FloodOrder): Promise<void> {
  const began = now()
  const sent = await send(order)
  tell({ kind: 'sent', ...sent, seconds: (now() - began) / 1000 })
}

process.on('message', (order: FloodOrder) => {
  carryOut(order).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    process.exit(1)
  })
})
process.once('disconnect', () => process.exit(0))
tell({ kind: 'ready' })
