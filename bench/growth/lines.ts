/** What was measured, as lines for people. */
import { cpuLine, type Spread } from '../process.ts'
import { lineOf } from '../targets.ts'
import type { GrowthReport } from './growth.ts'
import type { Summed } from './rows.ts'

const n = (x: number) => x.toLocaleString('en')
const spread = ({ min, median, max }: Spread) => (min === max ? n(median) : `${n(min)} / ${n(median)} / ${n(max)}`)
const summed = (name: string, { perSecond, cpuUs, batchMs, batchRecords }: Summed) =>
  `  ${name}: ${spread(perSecond)} a second; CPU µs a transaction: ${cpuLine(cpuUs)}; TiDB's part of a batch ${batchMs} ms for ${batchRecords} records`

function storageLines({ storage }: GrowthReport): string[] {
  if (!storage) return []
  const { rows, computed, folder, decision, onDisk } = storage
  const c = computed && Object.fromEntries(Object.entries(computed).map(([name, bytes]) => [name, Math.round(bytes)]))
  return [
    `storage of a transaction, ${n(rows)} rows:`,
    ...(c
      ? [
          `  TiDB, keys and values: ${c.bytes} bytes (row ${c.row}, of which event ${c.event} and features ${c.features}; by_id ${c.byId}, by_place ${c.byPlace})`,
        ]
      : []),
    ...(folder ? [`  TiDB, its folder: ${folder.all} bytes, of which its tables have ${folder.tables}`] : []),
    `  a decision in Kafka: key and value ${decision} bytes${onDisk ? `; on the disk ${onDisk.decision}, and its transaction ${onDisk.transaction}` : ''}`,
  ]
}

/** Everything that was measured, part by part. */
export function linesOf(report: GrowthReport): string[] {
  const { conditions, restart, redis, memory, heavy, rows, soak, targets } = report
  return [
    JSON.stringify(conditions),
    ...storageLines(report),
    ...(restart
      ? [`killed beside ${n(restart.rows)} rows: ${spread(restart.seconds)} s from spawn to the first decision of what came since`]
      : []),
    ...(redis ? [redis.often, redis.seldom] : []).map(
      (r) =>
        `Redis, ${n(r.each)} merchants, devices and addresses each, seen ${r.seen} times: ${n(r.bytes)} bytes in ${n(r.keys)} keys, ${r.bytesByEntity} each`,
    ),
    ...(memory ?? []).map(
      (p) =>
        `${n(p.customers)} customers with ${p.each} transactions: detector ${p.rssMb} MB, at most ${p.peakMb}; met at ${n(p.perSecond)}/s, CPU µs a transaction: ${cpuLine(p.cpuUs)}`,
    ),
    ...(heavy ?? []).map(
      (p) =>
        `${n(p.each)} transactions a customer (${p.customers} of them): first decision ${spread(p.firstMs)} ms, later ${spread(p.laterMs)}; CPU µs over a backlog: ${cpuLine(p.cpuUs)}`,
    ),
    ...(rows ?? []).flatMap((p) => [
      `beside ${n(p.rows)} stored rows of ${n(p.customers)} customers${p.copiedPerSecond > 0 ? ` (copied at ${n(p.copiedPerSecond)}/s)` : ''}, detector at most ${spread(p.rssPeakMb)} MB`,
      summed('nothing in memory at first', p.cold),
      summed('histories in memory       ', p.warm),
    ]),
    ...(soak
      ? [
          `soak: ${n(soak.perSecond)}/s, half of ${n(soak.highest)}, ${n(soak.customers)} customers; rise over what counts: memory ${soak.rise.memory}, p50 ${soak.rise.p50}, p95 ${soak.rise.p95} of the median`,
          ...soak.minutes.map(
            (m) =>
              `  ${String(m.minute).padStart(3)}: ${n(m.decided)} of ${n(m.sent)} decided; p50 ${m.p50}, p95 ${m.p95}, p99 ${m.p99}, max ${m.max} ms; MB: ${cpuLine(m.rssMb)}`,
          ),
        ]
      : []),
    ...targets.map(lineOf),
  ]
}
