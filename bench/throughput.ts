/**
 * `npm run bench -- throughput`: the full path (produced, decided, recorded, published) over a backlog, beside two yardsticks in the same
 * run: kafkajs passing the same records through, and inserting the same rows alone by the same statement.
 */
import { createBank, load, spanOf, streamOf } from './bank.ts'
import { type Conditions, conditionsOf } from './conditions.ts'
import { type Drained, drain } from './drain.ts'
import { type Spread, spreadOf } from './process.ts'
import type { Watched } from './servers.ts'
import { atLeast, atMost, type Target } from './targets.ts'
import { insertAlone, passedTo, passThrough, rowsOf } from './yardsticks.ts'

export type ThroughputOptions = Watched & { transactions: number; runs: number }
export type Report = {
  bench: 'throughput'
  conditions: Conditions & Record<string, unknown>
  runs: number
  sent: number
  decided: number
  /** A second. */
  perSecond: { decided: Spread; kafkajs: Spread; insert: Spread }
  /** The medians beside each other. */
  shareOf: { kafkajs: number; insert: number }
  /** CPU microseconds of a transaction by process, each the median of the runs. */
  cpuUs: Record<string, number>
  rssPeakMb: Spread
  targets: Target[]
}

type Run = Drained & { kafka: number; insert: number }

const cpuOfAll = ({ cpuUs }: Run) => Object.values(cpuUs).reduce((sum, us) => sum + us, 0)
const say = (line: string) => process.stderr.write(`${line}\n`)

async function once(n: number, options: ThroughputOptions): Promise<Run> {
  const bank = await createBank(options.env)
  const other = await createBank(options.env)
  try {
    const stream = streamOf(bank.tenant, options.transactions, 100 + n)
    const records = stream.transactions.length
    await load(bank.bus, stream.transactions)
    const drained = await drain(bank, { records, distinct: stream.distinct }, options)
    await passThrough(bank, other, { records, passed: records }, options)
    const { first, last } = await spanOf(bank.bus, passedTo(other), `${bank.config.group}-passed`)
    const { perSecond: insert } = await insertAlone(other, await rowsOf(bank, stream), options)
    return { ...drained, kafka: (records * 1000) / (last - first), insert }
  } finally {
    await other.close()
    await bank.close()
  }
}

/** Runs everything, the yardsticks by turns with what they are for. Throws when what was decided is not what was sent. */
export async function throughput(options: ThroughputOptions): Promise<Report> {
  const conditions = conditionsOf(options, {
    ...{ transactions: options.transactions, resends: 0.01, partitions: 4, history: 'none in memory, none stored' },
  })
  const runs: Run[] = []
  for (let n = 0; n < options.runs; n++) {
    const run = await once(n, options)
    say(
      `run ${n + 1} of ${options.runs}: ${Math.round(run.assay)}/s decided, ${Math.round(run.kafka)}/s passed through, ${Math.round(run.insert)}/s inserted alone`,
    )
    if (run.decided !== run.sent) throw new Error(`${run.sent} distinct transactions were sent and ${run.decided} decided`)
    runs.push(run)
  }
  const spread = (pick: (r: Run) => number) => spreadOf(runs.map(pick))
  const perSecond = {
    decided: spread((r) => r.assay),
    kafkajs: spread((r) => r.kafka),
    insert: spread((r) => r.insert),
  }
  const share = (of: Spread) => Math.round((perSecond.decided.median / of.median) * 1000) / 1000
  const cpuUs = Object.fromEntries(Object.keys(runs[0].cpuUs).map((name) => [name, spread((r) => r.cpuUs[name]).median]))
  const { sent, decided } = runs[0]
  return {
    bench: 'throughput',
    conditions,
    runs: runs.length,
    sent,
    decided,
    perSecond,
    shareOf: { kafkajs: share(perSecond.kafkajs), insert: share(perSecond.insert) },
    cpuUs,
    rssPeakMb: spread((r) => r.rssPeakMb),
    targets: [
      atLeast('decided a second', perSecond.decided.median, 10_000, 16_000),
      atMost('CPU µs a transaction, all processes together', spread(cpuOfAll).median, 170, 100),
    ],
  }
}
