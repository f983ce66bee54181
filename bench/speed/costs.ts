/** What a transaction cost beside the yardsticks of the same run, and whether that is more than it was. */
import type { CpuUs } from '../yardsticks.ts'

/** CPU microseconds of a transaction by process: decided, passed through by kafkajs, and inserted alone. */
export type Round = { decided: CpuUs; passed: CpuUs; inserted: CpuUs }
/**
 * CPU microseconds of a transaction, of the yardsticks' for the same one, and the first by the second: a slower machine makes both grow, so that
 * the ratio tells of the program alone.
 */
export type Cost = { us: number; yardstickUs: number; ratio: number }
/** Of the detector beside the process that does the yardsticks, and of all processes beside all that a yardstick needs. */
export type Costs = { detector: Cost; all: Cost }
export type Judged = { cost: keyof Costs; ratio: number; committed: number; rise: number; met: boolean }

/** How far a ratio may rise. */
export const mostRise = 0.15

/** What disturbs a round adds to it and takes nothing away, so that the quieter half tells: its mean. */
function quieter(values: readonly number[]): number {
  const half = values.toSorted((a, b) => a - b).slice(0, Math.ceil(values.length / 2))
  return half.reduce((sum, x) => sum + x, 0) / half.length
}

const rounded = (x: number, digits: number) => Math.round(x * 10 ** digits) / 10 ** digits
const costOf = (us: number, yardstickUs: number): Cost => ({
  ...{ us: rounded(us, 1), yardstickUs: rounded(yardstickUs, 1), ratio: rounded(us / yardstickUs, 3) },
})

/** The costs over some rounds. Throws when the servers' CPU time is not known, since somebody else runs them. */
export function costsOf(rounds: readonly Round[]): Costs {
  const [first] = rounds
  const database = 'tidb' in first.inserted ? 'tidb' : 'mariadb'
  if (!('kafka' in first.passed && database in first.inserted))
    throw new Error(
      'the CPU time of Kafka and the database is not known; run it without ASSAY_KAFKA and ASSAY_TIDB, so that it brings its own up',
    )
  const over = (cost: (round: Round) => number) => quieter(rounds.map(cost))
  const all = ({ decided }: Round) => Object.values(decided).reduce((sum, us) => sum + us, 0)
  return {
    detector: costOf(
      over(({ decided }) => decided.assay),
      over(({ passed, inserted }) => passed.bench + inserted.bench),
    ),
    all: costOf(
      over(all),
      over(({ passed, inserted }) => passed.bench + passed.kafka + inserted.bench + inserted[database]),
    ),
  }
}

/** Holds ratios against those that were committed. */
export const judge = (now: Costs, before: Costs): Judged[] =>
  (['detector', 'all'] as const).map((cost) => {
    const [{ ratio }, { ratio: committed }] = [now[cost], before[cost]]
    const rise = rounded(ratio / committed - 1, 3)
    return { cost, ratio, committed, rise, met: rise <= mostRise }
  })
