/**
 * Latency at several rates by an open loop: transactions are due by a schedule that waits for nobody, and each is counted from when it was due
 * to when its decision, and its alert, is in another consumer's hands. A late send counts against us.
 */
import type { ChildProcess } from 'node:child_process'
import { createBank } from '../bank.ts'
import { type Conditions, conditionsOf } from '../conditions.ts'
import { endDetector, spawnDetector } from '../detector.ts'
import { drainBy } from '../drain.ts'
import type { Watched } from '../servers.ts'
import { atMost, type Target } from '../targets.ts'
import { createLoader } from './loader.ts'
import { measure, untilRead } from './open-loop.ts'
import { createReader, type Reader } from './reader.ts'
import { type Point, pointOf, type Segment } from './segments.ts'

export type LatencyOptions = Watched & {
  rates: readonly number[]
  /** Transactions whose draining shows the highest rate. */
  backlog: number
  runs: number
  /** Seconds at each rate that are measured, after as many as `warm` that are not. */
  seconds: number
  warm: number
}
export type LatencyReport = {
  bench: 'latency'
  conditions: Conditions & { runs: number } & Record<string, unknown>
  /** A second, by the draining of the backlog. */
  highest: number
  points: Point[]
  targets: Target[]
}

/** Part of the highest rate that is the last one measured. */
const share = 0.7
/** No machine of this size decides more in a second; the stream is made for it. */
const mostPerSecond = 20_000
const seed = 4100

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]

function targetsOf(points: readonly Point[], highest: number): Target[] {
  const at = (perSecond: number) => points.find((p) => p.perSecond === perSecond)
  const [thousand, fourThousand, last] = [at(1000)?.toDecision, at(4000)?.toDecision, at(highest)?.toAlert]
  return [
    ...(thousand
      ? [
          atMost('produced to decided at 1,000/s, p50, ms', thousand.p50.median, 10, 6),
          atMost('produced to decided at 1,000/s, p99, ms', thousand.p99.median, 40, 20),
        ]
      : []),
    ...(fourThousand
      ? [
          atMost('produced to decided at 4,000/s, p50, ms', fourThousand.p50.median, 15, 8),
          atMost('produced to decided at 4,000/s, p99, ms', fourThousand.p99.median, 120, 50),
        ]
      : []),
    ...(last ? [atMost(`produced to alert at ${share * 100} % of the highest rate, p99, ms`, last.p99, 250, 100)] : []),
  ]
}

/** Measures every rate `runs` times, by turns. Throws when something that was sent is not answered. */
export async function latency(options: LatencyOptions): Promise<LatencyReport> {
  const { rates, backlog, runs, warm, seconds } = options
  const conditions = conditionsOf(options, {
    ...{ backlog, seconds, warmUp: `${warm} s at each rate, left out`, runs, resends: 0.01, partitions: 4, arrivals: 'Poisson' },
    history: 'in memory, of the backlog and what came since',
  })
  const bank = await createBank(options.env)
  const most = backlog + runs * (warm + seconds) * (rates.reduce((a, b) => a + b, 0) + mostPerSecond * share)
  const loader = createLoader({ kafka: bank.config.kafka, tenant: bank.tenant, seed, transactions: Math.ceil(most) })
  let child: ChildProcess | undefined
  let reader: Reader | undefined
  try {
    await loader.answer('ready')
    loader.order({ backlog })
    const stream = await loader.answer('loaded')
    child = spawnDetector(bank.config, options.flags)
    const highest = Math.min(mostPerSecond, Math.round((await drainBy(child, bank, stream, options)).assay))
    process.stderr.write(`highest rate: ${highest}/s over a backlog of ${backlog}\n`)
    reader = await createReader(bank)
    const loop = { name: 'assay', child, loader, reader, answered: stream.records }
    await untilRead(loop, stream.records, 60)
    reader.take()
    const last = Math.round(highest * share)
    const segments: Segment[] = []
    for (let run = 0; run < runs; run++)
      for (const perSecond of [...rates, last]) {
        const segment = await measure(loop, { perSecond, warm, seconds, seed: seed + segments.length }, options)
        process.stderr.write(
          `run ${run + 1} of ${runs}, ${perSecond}/s: p50 ${median(segment.decided).toFixed(1)} ms, ${segment.sent - segment.decided.length} not decided\n`,
        )
        segments.push(segment)
      }
    const points = [...rates, last].map((perSecond) => pointOf(segments.filter((s) => s.perSecond === perSecond)))
    return { bench: 'latency', conditions, highest, points, targets: targetsOf(points, last) }
  } finally {
    await reader?.stop()
    if (child) await endDetector(child)
    loader.stop()
    await bank.close()
  }
}
