/** What growth is to stay within. */
import { atLeast, atMost, type Target } from '../targets.ts'
import type { GrowthReport } from './growth.ts'

const hundredths = (x: number) => Math.round(x * 100) / 100

type Measured = Omit<GrowthReport, 'bench' | 'conditions' | 'targets'>

function rowsTargets({ rows }: Measured): Target[] {
  const none = rows?.find((p) => p.rows === 0)
  const most = rows?.reduce((a, b) => (b.rows > a.rows ? b : a))
  if (!rows || !most) return []
  const cold = rows.find((p) => p.rows > 0)?.cold.perSecond.median
  return [
    ...(none ? [atLeast('backlog, profiles in memory, a second', none.warm.perSecond.median, 10_000, 16_000)] : []),
    ...(cold ? [atLeast('backlog, nothing in memory, beside stored history, a second', cold, 7000, 12_000)] : []),
    ...(none && most.rows > 0
      ? [
          atLeast(
            `throughput beside ${most.rows} stored rows, against none`,
            hundredths(most.warm.perSecond.median / none.warm.perSecond.median),
            0.8,
            0.95,
          ),
        ]
      : []),
  ]
}

function memoryTargets({ memory }: Measured): Target[] {
  const at = (customers: number, each: number) => memory?.find((p) => p.customers === customers && Math.abs(p.each / each - 1) < 0.2)
  const [few, many] = [at(100_000, 50), at(500_000, 10)]
  return [
    ...(few ? [atMost('memory at 100,000 customers with 50 transactions, MB', few.peakMb, 450, 300)] : []),
    ...(many ? [atMost('memory at 500,000 customers with 10 transactions, MB', many.peakMb, 1200, 700)] : []),
  ]
}

/** Along its trend nothing may rise by more over the time that counts: memory by a twentieth, latency by a quarter of its median. */
const flat = { memory: 0.05, latency: 0.25 }

/** The targets of the parts that were measured. */
export function targetsOf(measured: Measured): Target[] {
  const { storage, restart, redis, soak } = measured
  return [
    ...(storage?.computed
      ? [atMost('storage of a transaction in TiDB, computed, bytes', Math.round(storage.computed.bytes), 800, 450)]
      : []),
    ...(storage?.folder ? [atMost("storage of a transaction, by the store's folder, bytes", storage.folder.all, 800, 450)] : []),
    ...(storage ? [atMost('storage of a decision in Kafka, bytes', storage.onDisk?.decision ?? storage.decision, 350, 200)] : []),
    ...(restart ? [atMost('from spawn to the first decision after kill -9, s', restart.seconds.median, 15, 8)] : []),
    ...(redis
      ? [atMost(`Redis, ${redis.often.each} merchants, devices and addresses each, MB`, hundredths(redis.often.bytes / 1e6), 6, 2)]
      : []),
    ...memoryTargets(measured),
    ...rowsTargets(measured),
    ...(soak
      ? [
          atMost('rise of memory over the soak, part of its median', soak.rise.memory, flat.memory, flat.memory / 2),
          atMost('rise of p50 over the soak, part of its median', soak.rise.p50, flat.latency, flat.latency / 2),
        ]
      : []),
  ]
}
