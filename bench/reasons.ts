/** `npm run bench -- reasons`: what explaining an alert costs, by the shipped model on a simulated bank, and how whole the explanations are. */
import { cpus } from 'node:os'
import { type Command, InvalidArgumentError } from 'commander'
import { simulate } from '../infra/simulator/simulate.ts'
import { foldStream } from '../models/data/from-simulator.ts'
import { width } from '../models/fold/features.ts'
import type { Explanation } from '../models/reasons/explain.ts'
import { loadScorer, type Scorer } from '../models/scorer.ts'
import { type Spread, spreadOf } from './process.ts'

export type ReasonsReport = {
  bench: 'reasons'
  conditions: Record<string, unknown>
  alerts: number
  /** CPU microseconds of an alert, and of a transaction where one in a hundred is an alert. */
  perAlert: Spread
  perTransaction: number
  /** How far what the features add is from the difference of the two logits, as a part of it. */
  gap: { median: number; p99: number; most: number }
  target: { perTransaction: number; gap: number; met: boolean }
}

const share = 0.01
const batch = 512

/** The highest scores of the second half of the rows, in which customers have a history. */
function alertsOf(scorer: Scorer, vectors: Float32Array, rows: number): number[] {
  const scores = new Float32Array(rows)
  for (let from = 0; from < rows; from += batch)
    scores.set(scorer.score(vectors.subarray(from * width), Math.min(batch, rows - from)), from)
  const half = rows >> 1
  const later = Array.from({ length: rows - half }, (_, i) => half + i).sort((a, b) => scores[b] - scores[a])
  return later.slice(0, Math.round(later.length * share))
}

const gapOf = ({ logit, usualLogit, added }: Explanation): number => {
  const difference = logit - usualLogit
  return Math.abs(added.reduce((a, b) => a + b, 0) - difference) / Math.max(0.01, Math.abs(difference))
}

const three = (x: number) => Number(x.toPrecision(3))

export async function reasons({ transactions, runs }: { transactions: number; runs: number }): Promise<ReasonsReport> {
  const size = { transactions, customers: Math.max(60, Math.round(transactions / 50)), days: 60 }
  const { matrix } = foldStream(simulate({ seed: 77, tenant: 'bench', start: Date.UTC(2025, 0, 6), resends: 0, ...size }), transactions)
  const vectors = new Float32Array(matrix.rows * width)
  matrix.read(0, matrix.rows, vectors)
  matrix.close()
  const scorer = await loadScorer('models/default', { warn: () => undefined })
  try {
    const alerts = alertsOf(scorer, vectors, vectors.length / width)
    // The first pass warms the compiler up and is not counted.
    const gaps = scorer.explain(vectors, alerts).map(gapOf)
    gaps.sort((a, b) => a - b)
    const spent = Array.from({ length: runs }, () => {
      const before = process.cpuUsage()
      scorer.explain(vectors, alerts)
      const { user, system } = process.cpuUsage(before)
      return (user + system) / alerts.length
    })
    const perAlert = spreadOf(spent)
    const perTransaction = three(perAlert.median * share)
    const gap = {
      median: three(gaps[gaps.length >> 1]),
      p99: three(gaps[Math.floor(gaps.length * 0.99)]),
      most: three(gaps[gaps.length - 1]),
    }
    const target = { perTransaction: 5, gap: 0.01 }
    return {
      bench: 'reasons',
      conditions: { cores: cpus().length, node: process.versions.node, transactions, runs, alertShare: share },
      alerts: alerts.length,
      perAlert,
      perTransaction,
      gap,
      target: { ...target, met: perTransaction <= target.perTransaction && gap.most <= target.gap },
    }
  } finally {
    scorer.stop()
  }
}

const whole = (text: string) => {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It is not a whole number above 0.')
  return Number(text)
}

async function run({ transactions, runs, json }: { transactions: number; runs: number; json?: boolean }): Promise<void> {
  const report = await reasons({ transactions, runs })
  const { alerts, perAlert, perTransaction, gap, target } = report
  process.stdout.write(
    `${alerts} alerts, the highest scores of ${transactions / 2} transactions\n` +
      `CPU µs an alert: ${perAlert.min} / ${perAlert.median} / ${perAlert.max}\n` +
      `gap between what the features add and the logits: median ${gap.median}, p99 ${gap.p99}, most ${gap.most} (at most ${target.gap})\n` +
      `${target.met ? 'met    ' : 'NOT MET'} CPU µs a transaction where one in a hundred is an alert: ${perTransaction} (at most ${target.perTransaction})\n`,
  )
  if (json) process.stdout.write(`${JSON.stringify(report)}\n`)
  process.exitCode = target.met ? 0 : 1
}

export const addReasons = (program: Command): Command =>
  program
    .command('reasons')
    .description('what explaining an alert costs by the shipped model, and how whole the explanations are; needs no server')
    .option('--transactions <number>', 'of a simulated bank, whose highest scores are explained', whole, 60_000)
    .option('--runs <number>', 'how often', whole, 15)
    .option('--json', 'print the report as JSON on the last line')
    .addHelpText('after', '\nExamples:\n  npm run bench -- reasons\n  npm run bench -- reasons --runs 31 --json')
    .action(run)
