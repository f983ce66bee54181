/** Labels that came before their transaction: when it is there, the label is produced anew, and counts then. */
import { messageOf } from '../../shared/errors.ts'
import { type Label, tenantTopic, topics } from '../../shared/events.ts'
import type { Bus } from '../../shared/kafka/bus.ts'
import type { Telemetry } from '../../shared/telemetry.ts'
import type { Database } from '../../shared/tidb/database.ts'

const every = 2000
const most = 500
/** Milliseconds to the next look at one whose transaction is not there: as long as it has waited, within these. */
const soonest = 2000
const latest = 60_000
/** Milliseconds that a label which was produced anew has to come by before it is produced again. */
const onItsWay = 15_000
/** Milliseconds after which no transaction is taken in any more that the label could be about. */
const longest = 62 * 86_400_000

type Row = { tenant: string; transaction_id: string; id: string; record_value: Buffer; received: number; found: string | null }

export type WaitingLabels = { start(): void; stop(): Promise<void> }

/** Makes it; `owned` are the partitions of labels that this detector looks after. Two that look after one produce twice, and it counts once. */
export function createWaitingLabels(d: {
  database: Database
  bus: Bus
  telemetry: Telemetry
  owned: () => readonly { tenant: string; partition: number }[]
}): WaitingLabels {
  const { database, bus } = d
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined

  const look = async () => {
    const owned = d.owned().map(({ tenant, partition }) => [tenant, partition])
    if (owned.length === 0) return
    const now = Date.now()
    const rows = await database.query<Row>(
      `SELECT w.tenant, w.transaction_id, w.id, w.record_value, w.received, t.id AS found FROM waiting_labels w
       LEFT JOIN transactions t ON t.tenant = w.tenant AND t.id = w.transaction_id WHERE (w.tenant, w.part) IN (?) AND w.look_at <= ? LIMIT ${most}`,
      [owned, now] as never,
    )
    if (rows.length === 0) return
    const there = rows.filter((row) => row.found !== null)
    // At the time at which Kafka first had it, since that is when it became known.
    await bus.send(
      there.map(({ tenant, record_value, received }) => ({
        topic: tenantTopic(tenant, 'labels'),
        key: topics.labels.key(JSON.parse(record_value.toString()) as Label),
        value: record_value,
        timestamp: received,
      })),
    )
    const keys = (list: readonly Row[]) => list.map((row) => [row.tenant, row.transaction_id, row.id])
    const update = (list: readonly Row[], sql: string, values: number[]) =>
      list.length === 0
        ? Promise.resolve()
        : database.execute(`${sql} WHERE (tenant, transaction_id, id) IN (?)`, [...values, keys(list)] as never)
    await update(there, 'UPDATE waiting_labels SET look_at = ?', [now + onItsWay])
    const missing = rows.filter((row) => row.found === null && now - row.received < longest)
    await update(missing, 'UPDATE waiting_labels SET look_at = ? + LEAST(?, GREATEST(?, ? - received))', [now, latest, soonest, now])
    await update(
      rows.filter((row) => row.found === null && now - row.received >= longest),
      'DELETE FROM waiting_labels',
      [],
    )
  }

  return {
    start() {
      timer ??= setInterval(() => {
        looking ??= look()
          .catch((error: unknown) => d.telemetry.logger.warn({ reason: messageOf(error) }, 'waiting labels could not be looked at'))
          .finally(() => {
            looking = undefined
          })
      }, every)
    },
    async stop() {
      clearInterval(timer)
      timer = undefined
      await looking
    },
  }
}
