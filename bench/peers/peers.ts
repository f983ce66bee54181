/**
 * `npm run bench -- peers`: Apache Flink beside Assay. In each round all of them work the same backlog off, one after another, on the same
 * servers, and then each is given a load by schedule; who goes first changes from round to round.
 */
import { createBank, load, streamOf } from '../bank.ts'
import { type Conditions, conditionsOf } from '../conditions.ts'
import type { Spread } from '../process.ts'
import type { Target } from '../targets.ts'
import { drainBy, openLoop, type PeerOptions, waitsOf } from './contender.ts'
import { flinkVersion, settings } from './flink.ts'
import { type Contender, type Drain, type Round, ratiosOf, type Summary, summarise, targetOf, turns } from './summary.ts'

export type PeersReport = {
  bench: 'peers'
  conditions: Conditions & Record<string, unknown>
  results: Summary[]
  /** Assay's rate over that of Flink with TiDB, round by round. */
  ratio: Spread
  targets: Target[]
}
/** `seconds` is how long each load by schedule lasts; 0 leaves them out. */
export type PeersOptions = PeerOptions & { transactions: number; runs: number; seconds: number }

async function drainsOf(n: number, options: PeersOptions): Promise<[Contender, Omit<Drain, 'waits'>][]> {
  const bank = await createBank(options.env)
  try {
    const stream = streamOf(bank.tenant, options.transactions, 500 + n)
    await load(bank.bus, stream.transactions)
    const drains: [Contender, Omit<Drain, 'waits'>][] = []
    for (const name of turns(n)) {
      const drain = await drainBy(name, bank, stream, options)
      process.stderr.write(`round ${n + 1} of ${options.runs}: ${name} ${Math.round(drain.perSecond)}/s\n`)
      drains.push([name, drain])
    }
    return drains
  } finally {
    await bank.close()
  }
}

async function roundOf(n: number, options: PeersOptions): Promise<Round> {
  const round: [Contender, Drain][] = []
  for (const [name, drain] of await drainsOf(n, options))
    round.push([name, { ...drain, waits: options.seconds > 0 ? await waitsOf(name, 600 + n, options.seconds, options) : [] }])
  return Object.fromEntries(round) as Round
}

/** Runs everything. Throws where anyone has not decided all that was sent. */
export async function peers(options: PeersOptions): Promise<PeersReport> {
  const { transactions, runs, seconds } = options
  const conditions = conditionsOf(options, {
    ...{ transactions, runs, resends: 0.01, partitions: 4, history: 'none in memory, none stored' },
    ...(seconds > 0 ? { latency: { ...openLoop, seconds, arrivals: 'Poisson' } } : {}),
    flink: { version: flinkVersion, ...settings },
  })
  const rounds: Round[] = []
  for (let n = 0; n < runs; n++) rounds.push(await roundOf(n, options))
  const ratio = ratiosOf(rounds)
  return { bench: 'peers', conditions, results: summarise(rounds), ratio, targets: [targetOf(ratio)] }
}
