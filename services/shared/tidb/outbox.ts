/** The outbox: what a transaction in TiDB decides to say, said in Kafka afterwards, at least once and with a stable id. */
import { randomBytes } from 'node:crypto'
import { messageOf } from '../errors.ts'
import type { Bus } from '../kafka/bus.ts'
import type { Telemetry } from '../telemetry.ts'
import type { Connection, Database } from './database.ts'

export type OutboxRecord = { topic: string; key: string; value: string }

let made = 0

/** An id that sorts by time, and within a millisecond in the order of this process: milliseconds, a count, 64 random bits; 32 hex characters. */
export function sortableId(now: number = Date.now()): string {
  made = (made + 1) % 0x10000
  return now.toString(16).padStart(12, '0') + made.toString(16).padStart(4, '0') + randomBytes(8).toString('hex')
}

/** Puts records into the outbox; call it inside the transaction that they belong to. */
export async function putIntoOutbox(tx: Connection, records: readonly OutboxRecord[]): Promise<void> {
  if (records.length === 0) return
  const now = Date.now()
  await tx.execute('INSERT INTO outbox (id, topic, record_key, record_value, created) VALUES ?', [
    records.map((r) => [sortableId(now), r.topic, r.key, Buffer.from(r.value), now]),
  ] as never)
}

export type OutboxRelay = {
  start(): Promise<void>
  stop(): Promise<void>
  /** Looks at once instead of at the next second. */
  nudge(): void
  health(): { ready: boolean; problems: string[] }
}

type Row = { id: string; topic: string; record_key: string; record_value: Buffer }

const every = 1000
const most = 500

/** Sends what lies in the outbox in order, and removes it once all replicas have it. Two relays at once may send a record twice, never lose it. */
export function createOutboxRelay(database: Database, bus: Bus, telemetry: Telemetry): OutboxRelay {
  let timer: NodeJS.Timeout | undefined
  let running = false
  let finished: Promise<void> = Promise.resolve()
  let again = false
  let problem: string | undefined

  const round = async () => {
    for (;;) {
      const rows = await database.query<Row>('SELECT id, topic, record_key, record_value FROM outbox ORDER BY id LIMIT ?', [most])
      if (rows.length === 0) return
      await bus.send(rows.map((r) => ({ topic: r.topic, key: r.record_key, value: r.record_value })))
      await database.execute('DELETE FROM outbox WHERE id IN (?)', [rows.map((r) => r.id)] as never)
    }
  }
  const look = () => {
    if (running) {
      again = true
      return
    }
    running = true
    finished = round()
      .then(
        () => {
          problem = undefined
        },
        (error: unknown) => {
          problem = `the outbox waits: ${messageOf(error)}`
          telemetry.logger.warn({ reason: messageOf(error) }, 'the outbox could not be sent; it is tried again')
        },
      )
      .finally(() => {
        running = false
        if (!again) return
        again = false
        look()
      })
  }
  return {
    async start() {
      timer ??= setInterval(look, every)
      look()
    },
    async stop() {
      clearInterval(timer)
      timer = undefined
      await finished
    },
    nudge: look,
    health: () => ({ ready: problem === undefined, problems: problem === undefined ? [] : [problem] }),
  }
}
